"""ir.PathRewrite → what Envoy must do to the path, for rewrites and redirects alike. The query is never touched.

Spec: Gateway API v1.6 HTTPPathModifier (the table of ReplacePrefixMatch)
"""

import re
from urllib.parse import quote

from gateway_api.ir import xds as ir
from protos import matcher

OUTSIDE_A_PATH = re.compile(r"[^\x21-\x7e]+")


def path(value: str) -> str:
    """A path that starts with "/" and can stand in a request line: what cannot is percent-encoded."""
    rooted = value if value.startswith("/") else "/" + value
    return OUTSIDE_A_PATH.sub(lambda found: quote(found[0]), rooted)


def rewrite(of: ir.PathRewrite) -> matcher.RegexMatchAndSubstitute | str | None:
    """How to get the new path: a substitution, or text in place of the matched prefix, or nothing to do.

    Envoy's own prefix_rewrite replaces characters, not elements, so both ends matter: replacing by "/" must not leave
    "//bar" of /foo/bar, and replacing "/" must put a "/" between the new prefix and the rest.
    """
    if of.kind == "full":
        return _substitute("^.*$", path(of.value))
    matched, value = of.matched.rstrip("/"), path(of.value).rstrip("/")
    if matched and not value:
        return _substitute(f"^{re.escape(matched)}/*", "/")
    if not matched:
        return value + "/" if value else None
    return value


def _substitute(pattern: str, literal: str) -> matcher.RegexMatchAndSubstitute:
    """A backslash in a substitution would name a group; as text it is written twice."""
    return matcher.RegexMatchAndSubstitute(
        pattern=matcher.RegexMatcher(regex=pattern), substitution=literal.replace("\\", "\\\\")
    )
