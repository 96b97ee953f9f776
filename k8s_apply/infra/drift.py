"""What we applied against what is there: does an object still need an apply? Pure.

Two questions answer it. The digest of the manifest, kept in an annotation, tells what *we* changed, removals included,
also after a restart of ours. The comparison field by field tells what *others* changed of what we want.
"""

import hashlib
from typing import Any

import msgspec

from k8s_apply.api import Json

DIGEST = "lychgate/applied"


def stamp(manifest: Json) -> Json:
    """The manifest with its own digest as an annotation."""
    digest = hashlib.sha256(msgspec.json.encode(manifest, order="sorted")).hexdigest()[:16]
    meta = manifest["metadata"]
    return manifest | {"metadata": meta | {"annotations": meta.get("annotations", {}) | {DIGEST: digest}}}


def in_place(live: Json, stamped: Json) -> bool:
    """Whether applying the stamped manifest would change nothing: the same digest, and every field as we want it.

    Fields that we do not mention are others' (defaults, a node port, an autoscaler's replicas) and do not matter.
    """
    annotations = live.get("metadata", {}).get("annotations") or {}
    same = annotations.get(DIGEST) == stamped["metadata"]["annotations"][DIGEST]
    wanted = {name: value for name, value in stamped.items() if name not in ("apiVersion", "kind")}
    return same and _covers(live, wanted)


def _covers(live: Any, wanted: Any) -> bool:
    match wanted:
        case dict():
            if not live:
                return not wanted
            return isinstance(live, dict) and all(_covers(live.get(name), value) for name, value in wanted.items())
        case list():
            if not live:
                return not wanted
            return (
                isinstance(live, list)
                and len(live) == len(wanted)
                and all(_covers(a, b) for a, b in zip(live, wanted, strict=True))
            )
        case _:
            return bool(live == wanted)
