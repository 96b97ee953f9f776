"""What a crowd is sent alike is framed once, and only put together for each stream."""

import tracemalloc
from collections.abc import Callable

import msgspec
import pytest

import protos
import xds_server
from protos.discovery import DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest
from tests.lines import lines_run
from xds_server.protocol.messages import DeltaRequest, Response, SotwRequest
from xds_server.protocol.variation import varied
from xds_server.serve.wire import MAX_ERROR, DeltaDialect, Dialect, SotwDialect
from xds_server.snapshot.resource import TYPE_URLS, Resource, ResourceType, digest, make_from_parts, make_resource

MEBIBYTE = 1024 * 1024


def few_large() -> tuple[Resource, ...]:
    pieces = tuple(bytes([number]) * (64 * 1024) for number in range(64))
    return (make_from_parts("table", sum(map(digest, pieces)), pieces, ()),)


def many_small() -> tuple[Resource, ...]:
    return tuple(make_resource(f"c{number}", f"{number}".encode()) for number in range(100))


def response(resources: tuple[Resource, ...]) -> Response:
    return Response(type=ResourceType.ROUTE, nonce="1", version="v", resources=resources, removed=("gone",))


@pytest.mark.parametrize("made", [few_large, many_small])
def test_each_stream_gets_every_resource_and_its_own_nonce(made: Callable[[], tuple[Resource, ...]]) -> None:
    of = response(made())
    for nonce in ("1", "2"):
        read = DeltaDiscoveryResponse.FromString(DeltaDialect().write(msgspec.structs.replace(of, nonce=nonce)))
        assert [(r.name, r.version, r.resource.value) for r in read.resources] == [
            (r.name, r.version, r.body) for r in of.resources
        ]
        assert (read.nonce, read.system_version_info, read.removed_resources) == (nonce, "v", ["gone"])


def test_a_large_resource_is_copied_once_for_each_stream() -> None:
    of = response(few_large())
    DeltaDialect().write(of)
    tracemalloc.start()
    try:
        written = DeltaDialect().write(of)
        assert tracemalloc.get_traced_memory()[1] < len(written) * 1.1
    finally:
        tracemalloc.stop()


def test_a_resource_is_framed_once_however_many_others_there_are() -> None:
    crowd = [response(many_small()) for _ in range(50)]

    def all_of_them() -> None:
        for of in crowd:
            DeltaDialect().write(of)

    first, second = (lines_run(all_of_them, xds_server, protos) for _ in range(2))
    assert second < first / 5


def test_a_variation_is_framed_anew() -> None:
    scopes = many_small()[:1]
    DeltaDialect().write(response(scopes))
    read = DeltaDiscoveryResponse.FromString(DeltaDialect().write(response(varied(scopes, {"c0"}))))
    assert read.resources[0].resource.value != scopes[0].body


@pytest.mark.parametrize(
    ("dialect", "request_of"), [(DeltaDialect(), DeltaDiscoveryRequest), (SotwDialect(), DiscoveryRequest)]
)
def test_of_the_words_of_a_refusal_the_head_is_read(
    dialect: Dialect[DeltaRequest] | Dialect[SotwRequest],
    request_of: type[DeltaDiscoveryRequest] | type[DiscoveryRequest],
) -> None:
    request = request_of(type_url=TYPE_URLS[ResourceType.ROUTE])
    request.error_detail.message = "bad" + "x" * 15 * MEBIBYTE
    _, read = dialect.read(request.SerializeToString(), None)
    assert read
    assert read.error == "bad" + "x" * (MAX_ERROR - 3)


def test_what_a_crowd_asks_in_the_same_words_is_read_once() -> None:
    names = [f"service/default/backend-{number}/80" for number in range(1000)]
    request = DeltaDiscoveryRequest(type_url=TYPE_URLS[ResourceType.ENDPOINT], resource_names_subscribe=names)
    one, other = (DeltaDialect().read(request.SerializeToString(), None) for _ in range(2))
    assert one is other
