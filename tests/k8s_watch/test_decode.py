import gc
import json
import tracemalloc
from typing import Any

import pytest
from rich.pretty import pretty_repr

from k8s_watch.decode import Undecodable, decode, read_head
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import CONFIG_MAP, GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, SECRET, SERVICE


def raw(**fields: Any) -> bytes:
    return json.dumps({"metadata": {"name": "a", "namespace": "ns"}} | fields).encode()


def test_null_means_absent_wherever_it_stands() -> None:
    """Null lists, null maps, null objects, null values."""
    body = raw(
        metadata={"name": "a", "labels": None, "annotations": {"x": None}, "ownerReferences": None},
        spec={"parentRefs": None, "hostnames": ["h"], "rules": [{"backendRefs": None, "matches": [{"headers": None}]}]},
        status=None,
    )
    route = decode(HTTP_ROUTE, body)
    assert (route.metadata.labels, route.metadata.annotations, route.spec.parent_refs) == ({}, {}, ())
    assert (route.spec.hostnames, route.spec.rules[0].backend_refs) == (("h",), ())


def test_unknown_fields_are_skipped() -> None:
    """Whatever a newer API adds."""
    route = decode(HTTP_ROUTE, raw(spec={"shape": {"of": ["things", "to", "come"]}}, comment=1))
    assert route.key == ObjectKey("ns", "a")


def test_a_status_of_an_older_api_is_read() -> None:
    """Up to Gateway API v1.1, features were names alone, and what was written then is still there."""
    class_ = decode(GATEWAY_CLASS, raw(spec={"controllerName": "c"}, status={"supportedFeatures": ["Gateway"]}))
    assert class_.status.supported_features == ("Gateway",)


@pytest.mark.parametrize("status", [3, [], {"parents": 3}, {"parents": [{"conditions": ["odd"]}]}], ids=repr)
def test_what_others_report_of_an_object_cannot_hide_it(status: object) -> None:
    route = decode(HTTP_ROUTE, raw(spec={"hostnames": ["h"]}, status=status))
    assert (route.spec.hostnames, route.status.parents) == (("h",), ())
    with pytest.raises(Undecodable, match=r"spec\.hostnames"):
        decode(HTTP_ROUTE, raw(spec={"hostnames": 3}, status=status))


def test_of_a_config_map_the_authority_alone_is_held() -> None:
    body = raw(data={"dashboard.json": "x" * 100_000, "ca.crt": "pem"})
    assert decode(CONFIG_MAP, body).data == {"ca.crt": "pem"}
    assert decode(CONFIG_MAP, raw(data={"rules.yaml": "x"})).data == {}


def test_of_a_config_map_the_only_certificate_is_the_authority() -> None:
    """trust-manager lets its user name the entry."""
    pem = "-----BEGIN CERTIFICATE-----\n"
    assert decode(CONFIG_MAP, raw(data={"bundle.pem": pem})).data == {"bundle.pem": pem}
    assert decode(CONFIG_MAP, raw(data={"bundle.pem": pem, "more.pem": pem})).data == {}
    assert decode(CONFIG_MAP, raw(data={"more.pem": pem, "tls.crt": "pem"})).data == {"tls.crt": "pem"}
    assert decode(CONFIG_MAP, raw(data={"tls.crt": "pem", "ca.crt": "pem"})).data == {"ca.crt": "pem"}


def test_of_a_secret_the_certificate_alone_is_held() -> None:
    certificate = {"tls.crt": "cGVt", "tls.key": "cGVt", "ca.crt": "cGVt"}
    assert decode(SECRET, raw(data={**certificate, "dump": "x" * 100_000})).data == certificate
    assert decode(SECRET, raw(data={"password": "aHVudGVyMg=="})).data == {}


@pytest.mark.parametrize("value", ["{}", None])
def test_annotations_are_not_held(value: str | None) -> None:
    """`kubectl apply` puts the whole object, data and all, into one."""
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": value}
    body = raw(metadata={"name": "a", "annotations": annotations}, data={"ca.crt": "pem"})
    assert decode(CONFIG_MAP, body).metadata.annotations == {}


def test_an_unknown_enumeration_value_is_not_an_error() -> None:
    """It has to end as a condition, not as a lost object."""
    service = decode(SERVICE, raw(spec={"type": "Quantum"}))
    assert service.spec.type == "Quantum"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"spec": {"rules": [{}, {"matches": [{"path": {"value": 3}}]}]}}, "spec.rules[1].matches[0].path.value: "),
        ({"spec": {"hostnames": "www"}}, "spec.hostnames: expected array, got str"),
        ({"spec": {"hostnames": "www", "rules": None}}, "spec.hostnames: expected array, got str"),
        ({"metadata": {"namespace": "ns"}}, "metadata: object missing required field name"),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(fields: dict[str, Any], says: str) -> None:
    """So that its owner can find it."""
    with pytest.raises(Undecodable) as caught:
        decode(HTTP_ROUTE, raw(**fields))
    assert str(caught.value).startswith(says)


def test_a_required_object_that_is_null_is_missing() -> None:
    with pytest.raises(Undecodable, match="missing required field spec"):
        decode(GATEWAY, raw(spec=None))


MALFORMED = {
    "nothing": b"",
    "cut": b"{",
    "a number": b"3",
    "a list": b"[]",
    "not UTF-8": b'{"metadata":{"name":"\xff"}}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    """Nothing that a server sends may end a watch."""
    with pytest.raises(Undecodable):
        decode(SERVICE, body)
    assert read_head(body).key == ObjectKey("", "")


def test_the_head_is_read_from_an_object_that_is_otherwise_broken() -> None:
    head = read_head(b'{"metadata":{"name":"a","namespace":"ns","uid":"u","resourceVersion":"7"},"spec":7}')
    assert (head.key, head.uid, head.resource_version) == (ObjectKey("ns", "a"), "u", "7")


def test_a_secret_does_not_show_its_data() -> None:
    secret = decode(SECRET, raw(data={"tls.key": "c2VjcmV0"}))
    assert "c2VjcmV0" not in f"{secret} {secret!r} {[secret]} {pretty_repr({'locals': secret})}"


def a_route(number: int) -> bytes:
    managed = [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {f"f:{i}": {} for i in range(300)}}]
    return raw(
        metadata={"name": f"r{number}", "namespace": "ns", "uid": f"u{number}", "managedFields": managed},
        spec={
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "eg"}],
            "hostnames": [f"www{number}.example.com"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "backendRefs": [{"group": "", "kind": "Service", "name": "svc", "port": 3000, "weight": 1}],
                }
            ],
        },
    )


def test_a_thousand_routes_are_kept_in_few_bytes_and_without_managed_fields() -> None:
    """What we do not read is neither built nor kept."""
    bodies = [a_route(number) for number in range(1000)]
    gc.collect()
    tracemalloc.start()
    kept = [decode(HTTP_ROUTE, body) for body in bodies]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / 1000 < 2000 < len(bodies[0])  # bytes a route
    assert kept[0].metadata.namespace is kept[-1].metadata.namespace
