"""An empty place among a connection manager's filters, and what a route puts there.

Nobody's listener changes when the first route needs such a filter (ADR 13). The place is not disabled, for the reason
told in `session`: a request must not slip by what its route put there.

Spec: Envoy v1.40 extensions.filters.http.composite.v3.Composite
"""

from google.protobuf.any_pb2 import Any as AnyMessage

from protos import composite as pb
from protos import core, http
from protos.encode import pack


def place(name: str) -> http.HttpFilter:
    """A filter that does nothing where no route says more. Routes find it by its name."""
    nothing = pb.ExtensionWithMatcher(
        extension_config=core.TypedExtensionConfig(name="composite", typed_config=pack(pb.Composite())),
        xds_matcher=pb.Matcher(),
    )
    return http.HttpFilter(name=name, typed_config=pack(nothing))


def put(filter_: core.TypedExtensionConfig) -> AnyMessage:
    """What a route says to a place so that `filter_` stands there for its requests."""
    return _put(pb.ExecuteFilterAction(typed_config=filter_))


def put_several(*filters: core.TypedExtensionConfig) -> AnyMessage:
    """As `put`, with one filter after the other.

    One of them at most may hold a request up: Envoy then leaves out those after it on the request's way. Answers pass
    all of them, in the opposite order.
    """
    return _put(pb.ExecuteFilterAction(filter_chain=pb.FilterChainConfiguration(typed_config=filters)))


def _put(execute: pb.ExecuteFilterAction) -> AnyMessage:
    action = pb.TypedExtensionConfig(name="composite-action", typed_config=pack(execute))
    return pack(pb.ExtensionWithMatcherPerRoute(xds_matcher=pb.Matcher(on_no_match=pb.Matcher.OnMatch(action=action))))
