"""Large batches are encoded once for all streams, and never served stale."""

from k8s_watch.keys import ObjectKey
from protos.discovery import DeltaDiscoveryResponse
from xds_server.serve.wire import BatchMemo
from xds_server.snapshot.resource import Resource, ResourceType, make_resource

CLUSTER, ENDPOINT = ResourceType.CLUSTER, ResourceType.ENDPOINT
EG, OTHER = ObjectKey("default", "eg"), ObjectKey("default", "other")


def batch(size: int, content: str = "") -> tuple[Resource, ...]:
    return tuple(make_resource(f"c{number}", f"{content}{number}".encode()) for number in range(size))


def bodies(encoded: bytes) -> list[bytes]:
    return [resource.resource.value for resource in DeltaDiscoveryResponse.FromString(encoded).resources]


def test_a_large_batch_is_encoded_once() -> None:
    memo, resources = BatchMemo(), batch(BatchMemo.LARGE)
    assert memo.encode(EG, CLUSTER, resources) is memo.encode(EG, CLUSTER, tuple(resources))
    assert bodies(memo.encode(EG, CLUSTER, resources)) == [resource.body for resource in resources]


def test_a_batch_that_differs_in_one_resource_is_another() -> None:
    memo, old = BatchMemo(), batch(BatchMemo.LARGE)
    memo.encode(EG, CLUSTER, old)
    new = (*old[:-1], make_resource(old[-1].name, b"new"))
    assert bodies(memo.encode(EG, CLUSTER, new))[-1] == b"new"
    assert bodies(memo.encode(EG, CLUSTER, old))[-1] == old[-1].body


def test_the_same_names_of_another_type_are_another_batch() -> None:
    memo, resources = BatchMemo(), batch(BatchMemo.LARGE)
    assert memo.encode(EG, CLUSTER, resources) != memo.encode(EG, ENDPOINT, resources)


def test_gateways_with_the_same_services_do_not_take_each_others_place() -> None:
    memo, few, many = BatchMemo(), batch(BatchMemo.LARGE), batch(2 * BatchMemo.LARGE)
    first = memo.encode(EG, CLUSTER, few)
    memo.encode(OTHER, CLUSTER, many)
    assert memo.encode(EG, CLUSTER, few) is first


def test_what_is_kept_is_bounded() -> None:
    resources = [batch(BatchMemo.LARGE + number, "x" * 100)[number:] for number in range(4)]
    memo = BatchMemo(limit=2 * len(BatchMemo().encode(EG, CLUSTER, resources[0])) + 1000)
    first = [memo.encode(EG, CLUSTER, each) for each in resources]
    again = [memo.encode(EG, CLUSTER, each) for each in reversed(resources)]
    assert again == first[::-1]
    assert again[0] is first[-1]
    assert again[-1] is not first[0]
