"""One document → objects, or what is wrong with it."""

import base64
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s_watch.files.envoy_gateway import MEANING
from k8s_watch.files.manifest import Bad, Foreign, Good, read_document
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Secret
from k8s_watch.objects.routes import HTTPRoute

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: backend
spec:
  parentRefs: [{name: eg}]
  hostnames: [www.example.com]
  rules:
  - matches:
    - path: {type: PathPrefix, value: /a}
      headers: [{name: x-debug, value: "yes"}]
    backendRefs:
    - name: svc
      port: 3000
"""


def good(text: str) -> Good:
    (item,) = read_document(textwrap.dedent(text))
    assert isinstance(item, Good), item
    return item


def bad(text: str) -> Bad:
    (item,) = read_document(textwrap.dedent(text))
    assert isinstance(item, Bad), item
    return item


def test_a_good_route_is_typed_and_gets_the_default_namespace() -> None:
    route = good(ROUTE).object
    assert isinstance(route, HTTPRoute)
    assert route.key == ObjectKey("default", "backend")
    assert route.spec.rules[0].backend_refs[0].port == 3000


def test_a_cluster_scoped_object_has_no_namespace() -> None:
    item = good("""
        apiVersion: gateway.networking.k8s.io/v1
        kind: GatewayClass
        metadata: {name: eg, namespace: default}
        spec: {controllerName: example.com/c}
    """)
    assert item.object.key == ObjectKey("", "eg")


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (
            "hostnames:",
            "hostname:",
            7,
            "spec.hostname: no such field: did you mean hostnames?",
        ),
        ("value: /a", "valeu: /a", 10, "spec.rules[0].matches[0].path.valeu: no such field: did you mean value?"),
        ("port: 3000", "port: http", 14, "spec.rules[0].backendRefs[0].port: expected a whole number, got text"),
        ("port: 3000", "port: 70000", 14, "spec.rules[0].backendRefs[0].port: 70000 is out of range"),
        ("port: 3000", "weight: 1", 13, "spec.rules[0].backendRefs[0].port: is missing: name the port of Service svc"),
        (
            'value: "yes"',
            "value: yes",
            11,
            'spec.rules[0].matches[0].headers[0].value: expected text: put it in quotes, "yes"',
        ),
        (
            'value: "yes"',
            "value: 8080",
            11,
            'spec.rules[0].matches[0].headers[0].value: expected text: put it in quotes, "8080"',
        ),
        ("[www.example.com]", "[www.example.com:80]", 7, "spec.hostnames: 'www.example.com:80' is not usable"),
        ("name: backend", "name: Back_End", 4, "metadata.name: 'Back_End' is not usable: write lower case"),
        ("name: backend", "name: 7", 4, 'metadata.name: expected text: put it in quotes, "7"'),
        ("- name: svc", "- group: ''", 13, "spec.rules[0].backendRefs[0]: the required field name is missing"),
        ("PathPrefix", "Prefix", 10, "'Prefix' is not one of Exact, PathPrefix, RegularExpression"),
        ("value: /a", "value: a", 10, "'a' does not start with '/'"),
    ],
)
def test_a_mistake_is_named_with_line_field_and_remedy(old: str, new: str, line: int, reason: str) -> None:
    item = bad(ROUTE.replace(old, new, 1))
    assert reason in item.reason
    assert item.line == line
    assert item.kind == "HTTPRoute"


def test_a_label_that_is_no_text_is_named_by_its_key() -> None:
    item = bad(ROUTE.replace("name: backend", "name: backend\n  labels:\n    good: a\n    debug: on"))
    assert item.reason == 'metadata.labels.debug: expected text: put it in quotes, "on"'
    assert item.line == 7


def test_every_unknown_field_is_named_at_once() -> None:
    item = bad(ROUTE.replace("hostnames:", "hostname:").replace("value: /a", "valeu: /a"))
    assert "spec.hostname:" in item.reason
    assert "path.valeu:" in item.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("just text", "expected a mapping"),
        ("resources: [gateway.yaml]", "has no apiVersion, kind or metadata: what is no manifest must be elsewhere"),
        ("kind: Gateway", "apiVersion: is missing"),
        ("apiVersion: v1", "kind: is missing"),
        ("{apiVersion: v1, kind: Service}", "metadata: is missing"),
        ("{apiVersion: v1, kind: Service, metadata: {}}", "metadata: the required field name is missing"),
        ("{apiVersion: v1, kind: Servce, metadata: {name: a}}", "Servce of v1 is not read: did you mean Service?"),
        (
            "{apiVersion: gateway.networking.k8s.io/v1, kind: HttpRoute, metadata: {name: a}}",
            "HttpRoute of gateway.networking.k8s.io/v1 is not read: did you mean HTTPRoute?",
        ),
        ("{apiVersion: v1, kind: Gateway, metadata: {name: a}}", "apiVersion gateway.networking.k8s.io/v1?"),
        (
            "{apiVersion: gateway.networking.k8s.io/v1alpha2, kind: HTTPRoute, metadata: {name: a}}",
            "write gateway.networking.k8s.io/v1 or gateway.networking.k8s.io/v1beta1",
        ),
    ],
)
def test_what_is_no_manifest_of_ours_says_what_to_write(text: str, reason: str) -> None:
    assert reason in bad(text).reason


@pytest.mark.parametrize(
    "kind", ["apps/v1 Deployment", "v1 ServiceAccount", "networking.gke.io/v1 GCPBackendPolicy", "v1 Pod"]
)
def test_kinds_that_nobody_could_mean_for_ours_are_foreign(kind: str) -> None:
    version, _, name = kind.partition(" ")
    (item,) = read_document(f"{{apiVersion: {version}, kind: {name}, metadata: {{name: a}}}}")
    assert isinstance(item, Foreign)
    assert item.reason == ""


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("SecurityPolicy", "the routes that it protects are served without it"),
        ("BackendTrafficPolicy", "there are no rate limits"),
        ("NewPolicy", "nothing of gateway.envoyproxy.io is"),
    ],
)
def test_a_kind_of_envoy_gateways_says_what_it_means_that_it_is_not_read(kind: str, meaning: str) -> None:
    (item,) = read_document(f"{{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: {kind}, metadata: {{name: a}}}}")
    assert isinstance(item, Foreign)
    assert item.reason.startswith(f"kind: {kind} of gateway.envoyproxy.io/v1alpha1 is not read: {meaning}")


def test_the_manual_and_the_messages_know_the_same_kinds_of_envoy_gateway() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "from-envoy-gateway.md").read_text()
    rows = manual.partition("| kind | what it means with Lychgate |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert {kind for row in rows for kind in row.split("|")[1].strip().split(", ")} == MEANING.keys()


@pytest.mark.parametrize(
    "kind",
    ["gateway.networking.k8s.io/v1 H", "v1 Servce", "v1 Service List", "networking.istio.io/v1 Gateway", "v1 List"],
)
def test_kinds_that_may_be_meant_for_ours_are_bad(kind: str) -> None:
    version, _, name = kind.partition(" ")
    bad(f"{{apiVersion: {version}, kind: {name}, metadata: {{name: a}}}}")


def test_a_list_is_unpacked_and_each_item_judged_alone() -> None:
    items = read_document("""
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- {apiVersion: v1, kind: Namespace, metadata: {name: B}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {x: a}}
""")
    assert [type(item) for item in items] == [Good, Bad, Good]
    assert isinstance(items[1], Bad)
    assert items[1].line == 6
    assert items[1].reason.startswith("metadata.name:")


def test_string_data_of_a_secret_is_honoured() -> None:
    secret = good("""
        apiVersion: v1
        kind: Secret
        metadata: {name: a}
        data: {x: b2xk, y: b2xk}
        stringData: {x: new}
    """).object
    assert isinstance(secret, Secret)
    assert {name: base64.b64decode(value) for name, value in secret.data.items()} == {"x": b"new", "y": b"old"}


@pytest.mark.parametrize("data", ["data: {x: 's3cret!'}", "data: {x: 12345}", "stringData: {x: 12345}"])
def test_a_bad_secret_is_refused_without_telling_it(data: str) -> None:
    item = bad(f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{data}\n")
    assert ".x: " in item.reason
    assert "s3cret" not in item.reason
    assert "12345" not in item.reason


def test_null_fields_count_as_absent_and_status_is_not_read() -> None:
    route = good(ROUTE + "    filters: null\nstatus: {parents: 7}\n").object
    assert isinstance(route, HTTPRoute)
    assert route.spec.rules[0].filters == ()


def test_what_kubectl_prints_is_read() -> None:
    item = good("""
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata:
          annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
          creationTimestamp: 2024-05-01T10:00:00Z
          finalizers: [a/b]
          generation: 7
          managedFields: [{manager: kubectl}]
          name: eg
          namespace: infra
          resourceVersion: "815"
          uid: 4f9c2d6e-0000-0000-0000-000000000000
        spec: {gatewayClassName: eg, listeners: [{name: http, port: 80, protocol: HTTP}]}
        status: {conditions: []}
    """)
    assert item.object.metadata.creation_timestamp == "2024-05-01T10:00:00Z"


def test_a_broken_document_still_tells_which_object_it_was() -> None:
    item = bad(ROUTE + "  oops: [\n")
    assert (item.kind, item.key) == ("HTTPRoute", ObjectKey("default", "backend"))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["HTTPRoute", "Gateway", "Service", "Secret", "List"]), values, values)
def test_no_content_of_a_known_kind_raises(kind: str, spec: object, metadata: object) -> None:
    api = "v1" if kind in ("Service", "Secret", "List") else "gateway.networking.k8s.io/v1"
    lines = (f"{name}: {value!r}" for name, value in (("spec", spec), ("metadata", metadata), ("items", spec)))
    assert read_document(f"apiVersion: {api}\nkind: {kind}\n" + "\n".join(lines)) is not None
