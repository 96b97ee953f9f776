"""The tutorial, step by step. The steps build on each other: run the whole file, in its order."""

import json
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tests.lab.binaries import GATEWAY_API_CRDS
from tests.lab.places import PROJECT
from tests.walk.terminal import EXAMPLES, Json, Load, SlowLoad, apply, curl, curl_many, eventually, get, kubectl, wait

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]  # the first run builds Kubernetes

SYSTEM = "envoy-gateway-system"
EG = "envoy-default-eg-e41e7b31"
"""What the proxies of Gateway default/eg are called: hash8 is of `default/eg`."""
WWW = "www.example.com"


def test_step_1_the_crds_and_the_installation() -> None:
    kubectl(f"apply --server-side -f {GATEWAY_API_CRDS / 'experimental'}")
    wait("crd/httproutes.gateway.networking.k8s.io", "condition=Established")
    # Nothing asks after the nodes' health here: the defaults would have every step that ends a proxy wait for nothing.
    kubectl("label nodes --all topology.kubernetes.io/zone=here")
    kubectl(f"create namespace {SYSTEM}")
    settings = "--from-literal=LYCHGATE_PROXY_DRAIN_SECONDS=10 --from-literal=LYCHGATE_PROXY_MIN_READY_SECONDS=0"
    kubectl(f"create configmap -n {SYSTEM} envoy-gateway-settings {settings}")
    kubectl(f"apply --server-side -f {docker('install.yaml')}")
    kubectl(f"rollout status -n {SYSTEM} deployment/envoy-gateway --timeout=90s")
    pods = get(f"pods -n {SYSTEM} -l control-plane=envoy-gateway")["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Running"]
    metrics = get(f"service -n {SYSTEM} envoy-gateway-metrics")["spec"]["clusterIP"]
    # A pod is Ready a moment before the nodes send a Service's connections to it.
    eventually("metrics", lambda: curl(f"http://{metrics}:19001/metrics", host="metrics").status == 200, patience=5)


def test_step_2_the_gateway_class_is_accepted() -> None:
    apply("gatewayclass.yaml")
    wait("gatewayclass/eg", "condition=Accepted")
    assert column("gatewayclass eg", "ACCEPTED") == "True"
    features = [feature["name"] for feature in get("gatewayclass eg")["status"]["supportedFeatures"]]
    assert {"Gateway", "HTTPRoute", "ReferenceGrant"} <= set(features)
    assert features == sorted(features)


def test_step_3_the_backends_run() -> None:
    apply("backends.yaml")
    for name in ("svc-backend", "svc-backend2"):
        kubectl(f"rollout status deployment/{name} --timeout=60s")


def test_step_4_a_gateway_gets_its_proxies_and_an_address() -> None:
    apply("gateway.yaml")
    wait("gateway/eg", "condition=Programmed")
    assert column("gateway eg", "PROGRAMMED") == "True"
    assert column("gateway eg", "ADDRESS") == address("eg")
    kubectl(f"rollout status -n {SYSTEM} deployment/{EG} --timeout=60s")
    service = get(f"service -n {SYSTEM} {EG}")
    assert service["spec"]["type"] == "LoadBalancer"
    assert [port["port"] for port in service["spec"]["ports"]] == [80]
    assert service["status"]["loadBalancer"]["ingress"][0]["ip"] == address("eg")


def test_step_5_a_route_leads_to_its_backends() -> None:
    apply("httproute.yaml")
    kubectl("wait httproute/backend --timeout=60s --for=jsonpath={.status.parents[0].conditions[0].status}=True")
    url = f"http://{address('eg')}"
    eventually("/backend answers", lambda: curl(f"{url}/backend", host=WWW).status == 200)
    assert pod_of(curl(f"{url}/backend", host=WWW).backend["pod"]) == "svc-backend"
    assert pod_of(curl(f"{url}/backend2", host=WWW).backend["pod"]) == "svc-backend2"
    assert curl(f"{url}/elsewhere", host=WWW).status == 404
    assert curl(f"{url}/backend", host="another.example.com").status == 404
    assert column("httproute backend", "HOSTNAMES") == f'["{WWW}"]'


def test_step_5_the_backend_sees_where_the_request_came_from() -> None:
    seen = headers_seen("/backend", host=WWW)
    assert seen["x-forwarded-for"]
    assert seen["x-forwarded-proto"] == "http"
    assert len(seen["x-request-id"]) == 36


def test_step_5_headers_are_added_set_and_removed() -> None:
    apply("headers.yaml")
    host = "headers.example.com"
    eventually("the route answers", lambda: curl(f"http://{address('eg')}/", host=host).status == 200)
    seen = headers_seen("/", host, "x-added: by-the-client", "x-set: by-the-client", "x-removed: by-the-client")
    assert seen["x-added"] == "by-the-client,by-the-route"
    assert seen["x-set"] == "by-the-route"
    assert "x-removed" not in seen


def test_step_5_weights_hold_within_three_points() -> None:
    apply("weights.yaml")
    host, url = "weights.example.com", f"http://{address('eg')}/"
    eventually("the route answers", lambda: curl(url, host=host).status == 200)
    answers = curl_many(url, host=host, count=2000)
    assert Counter(answer.status for answer in answers) == {200: 2000}
    second = sum(pod_of(answer.backend["pod"]) == "svc-backend2" for answer in answers)
    assert 0.07 <= second / 2000 <= 0.13


def test_step_5_requests_stay_in_the_proxy_s_zone() -> None:
    host, url = "zoned.example.com", f"http://{address('eg')}/"
    to_it = {
        "parentRefs": [{"name": "eg"}],
        "hostnames": [host],
        "rules": [{"backendRefs": [{"name": "zoned", "port": 80}]}],
    }
    make("v1", "Service", "zoned", {"trafficDistribution": "PreferSameZone", "ports": [{"port": 80}]})
    make("gateway.networking.k8s.io/v1", "HTTPRoute", "zoned", to_it)
    for near, far in (("svc-backend", "svc-backend2"), ("svc-backend2", "svc-backend")):
        kubectl("apply -f -", stdin=json.dumps(zoned_slice({near: "here", far: "elsewhere"})))
        eventually(f"{near} alone answers", partial(answers_alone, near, url, host))


def make(api_version: str, kind: str, name: str, spec: Json) -> None:
    """Apply an object."""
    made = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    kubectl("apply -f -", stdin=json.dumps(made))


def zoned_slice(zones: dict[str, str]) -> Json:
    """The slice of the Service `zoned`: a pod of each of these Services, as if it were in that zone."""
    pods = {name: get(f"pods -l app={name}")["items"][0]["status"]["podIP"] for name in zones}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "zoned", "labels": {"kubernetes.io/service-name": "zoned"}},
        "addressType": "IPv4",
        "ports": [{"port": 3000}],
        "endpoints": [
            {"addresses": [pods[name]], "zone": zone, "hints": {"forZones": [{"name": zone}]}}
            for name, zone in zones.items()
        ],
    }


def answers_alone(service: str, url: str, host: str) -> bool:
    """Whether a pod of it answers each of twenty requests."""
    answers = curl_many(url, host=host, count=20)
    return all(answer.status == 200 and pod_of(answer.backend["pod"]) == service for answer in answers)


def test_step_6_every_tcp_port_leads_to_its_own_backend() -> None:
    apply("tcp.yaml")
    wait("gateway/tcp-gateway", "condition=Programmed")
    for port, name in ((8080, "svc-backend"), (8090, "svc-backend2")):
        assert_tcp_port_leads_to(name, port)


def test_step_7_scaling_under_load_loses_no_request() -> None:
    load = Load(f"http://{address('eg')}/backend", host=WWW)
    scale("svc-backend", 3)
    scale("svc-backend", 1)
    answers = load.stop()
    assert set(answers) == {"200"}, answers
    assert answers["200"] > 500


def test_step_7_new_proxies_under_load_lose_no_request() -> None:
    """Connections are in use all the time: whoever has one is asked to leave it, and not cut off."""
    load = SlowLoad(address("eg"), host=WWW, path="/backend?delay=0.5", seconds=40)
    [before] = get(f"pods -n {SYSTEM} -l gateway.envoyproxy.io/owning-gateway-name=eg")["items"]
    kubectl(f"rollout restart -n {SYSTEM} deployment/{EG}")
    kubectl(f"rollout status -n {SYSTEM} deployment/{EG} --timeout=90s")
    kubectl(f"wait -n {SYSTEM} pod/{before['metadata']['name']} --for=delete --timeout=60s")
    answers = load.result()
    assert set(answers) == {"200"}, answers


def test_step_7_a_lost_control_plane_under_load_loses_no_request() -> None:
    """Of two, the one that writes is killed without a word; what is edited then, the other serves and tells of."""
    kubectl(f"scale -n {SYSTEM} deployment/envoy-gateway --replicas=2")
    kubectl(f"rollout status -n {SYSTEM} deployment/envoy-gateway --timeout=90s")
    load = SlowLoad(address("eg"), host=WWW, path="/backend?delay=0.05", seconds=40)
    kubectl(f"delete pod -n {SYSTEM} {leader()} --force --grace-period=0")
    edit = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-edited", "value": "yes"}]}}
    patch = [{"op": "add", "path": "/spec/rules/0/filters", "value": [edit]}]
    kubectl(f"patch httproute backend --type=json -p '{json.dumps(patch)}'")
    eventually("the edit is served", lambda: headers_seen("/backend", WWW).get("x-edited") == "yes", patience=10)
    eventually("its status is written", lambda: is_observed("httproute backend"))
    kubectl(f"rollout restart -n {SYSTEM} deployment/envoy-gateway")
    kubectl(f"rollout status -n {SYSTEM} deployment/envoy-gateway --timeout=90s")
    kubectl(f"scale -n {SYSTEM} deployment/envoy-gateway --replicas=1")
    answers = load.result()
    assert set(answers) == {"200"}, answers


def test_step_7_a_deleted_route_stops_serving() -> None:
    kubectl("delete httproute backend")
    url = f"http://{address('eg')}/backend"
    eventually("404", lambda: curl(url, host=WWW).status == 404)


def test_step_7_a_deleted_gateway_takes_its_proxies_with_it() -> None:
    url = f"http://{address('eg')}/"
    kubectl("delete gateway eg")
    assert_gone(SYSTEM, EG, url)
    assert column("gateway tcp-gateway", "PROGRAMMED") == "True"
    assert curl(f"http://{address('tcp-gateway')}:8080/", host="tcp").status == 200


def test_step_8_the_proxies_live_in_the_gateways_namespace() -> None:
    kubectl(f"apply --server-side -f {docker('gateway-namespace-mode.yaml')}")
    kubectl(f"rollout restart -n {SYSTEM} deployment/envoy-gateway")
    kubectl(f"rollout status -n {SYSTEM} deployment/envoy-gateway --timeout=90s")
    apply("gateway.yaml")
    apply("httproute.yaml")
    wait("gateway/eg", "condition=Programmed")
    kubectl("rollout status deployment/eg --timeout=60s")
    url = f"http://{address('eg')}/backend"
    eventually("/backend answers", lambda: curl(url, host=WWW).status == 200)
    assert get("service eg")["spec"]["type"] == "LoadBalancer"


def test_step_8_what_was_in_our_namespace_moved() -> None:
    proxies = f"deployments -n {SYSTEM} -l app.kubernetes.io/component=proxy"
    eventually("no proxies in our namespace", lambda: get(proxies)["items"] == [])
    kubectl("rollout status deployment/tcp-gateway --timeout=60s")
    eventually("it answers", lambda: curl(f"http://{address('tcp-gateway')}:8080/", host="tcp").status == 200)


def test_step_8_a_deleted_gateway_takes_its_proxies_with_it() -> None:
    url = f"http://{address('eg')}/"
    kubectl("delete gateway eg")
    assert_gone("default", "eg", url)
    assert column("gateway tcp-gateway", "PROGRAMMED") == "True"


def test_step_8_what_bears_the_gateways_name_already_is_not_taken_over() -> None:
    theirs = get("service svc-backend")["spec"]
    manifest = (EXAMPLES / "gateway.yaml").read_text().replace("name: eg\n", "name: svc-backend\n", 1)
    kubectl("apply -f -", stdin=manifest)
    words = "svc-backend exists and is not labelled as belonging to Gateway default/svc-backend"

    def says_so() -> bool:
        conditions = get("gateway svc-backend").get("status", {}).get("conditions", [])
        return any(one["type"] == "Programmed" and words in one["message"] for one in conditions)

    eventually("the Gateway says what is in its way", says_so)
    wait("gateway/svc-backend", "condition=Programmed=False")
    kubectl("delete gateway svc-backend")
    assert get("service svc-backend")["spec"] == theirs


def test_step_8_and_back_to_our_namespace() -> None:
    without = '{"data": {"LYCHGATE_GATEWAY_NAMESPACE_MODE": null}}'
    kubectl(f"patch -n {SYSTEM} configmap/envoy-gateway-settings --type=merge -p '{without}'")
    kubectl(f"rollout restart -n {SYSTEM} deployment/envoy-gateway")
    kubectl(f"rollout status -n {SYSTEM} deployment/envoy-gateway --timeout=90s")
    proxies = "deployments -n default -l app.kubernetes.io/component=proxy"
    eventually("no proxies beside the Gateway", lambda: get(proxies)["items"] == [])
    in_ours = f"deployment -n {SYSTEM} -l gateway.envoyproxy.io/owning-gateway-name=tcp-gateway"
    kubectl(f"wait {in_ours} --for=condition=Available --timeout=60s")
    eventually("it answers", lambda: curl(f"http://{address('tcp-gateway')}:8080/", host="tcp").status == 200)


def docker(name: str) -> Path:
    return PROJECT / "docker" / name


def column(what: str, name: str) -> str:
    """Return one cell of the table that `kubectl get <what>` prints."""
    header, row = kubectl(f"get {what}").splitlines()
    start = header.index(name)
    return row[start:].split()[0]


def address(gateway: str) -> str:
    """Return the Gateway's first address."""
    value: str = get(f"gateway {gateway}")["status"]["addresses"][0]["value"]
    return value


def leader() -> str:
    """Return the pod of the control plane that writes statuses."""
    holder: str = get(f"lease -n {SYSTEM} envoy-gateway-leader")["spec"]["holderIdentity"]
    return holder.partition("_")[0]


def is_observed(route: str) -> bool:
    """Whether the status is of the route as it is now."""
    found = get(route)
    (parent,) = found["status"]["parents"]
    now = found["metadata"]["generation"]
    return all(condition["observedGeneration"] == now for condition in parent["conditions"])


def pod_of(pod: str) -> str:
    """Return the Deployment that a pod's name begins with."""
    return pod.rsplit("-", 2)[0]


def headers_seen(path: str, host: str, *headers: str) -> dict[str, str]:
    """Return the headers that the backend got: names in lower case, several values of one name joined by a comma."""
    answer = curl(f"http://{address('eg')}{path}", host=host, headers=headers)
    return {name.lower(): ",".join(values) for name, values in answer.backend["headers"].items()}


def scale(deployment: str, replicas: int) -> None:
    """Scale, and return when the new pods are Ready and the surplus ones are gone."""
    kubectl(f"scale deployment/{deployment} --replicas={replicas}")
    kubectl(f"rollout status deployment/{deployment} --timeout=60s")
    eventually(f"{replicas} pods", lambda: len(get(f"pods -l app={deployment}")["items"]) == replicas)


def assert_tcp_port_leads_to(name: str, port: int) -> None:
    url = f"http://{address('tcp-gateway')}:{port}/"
    eventually(f"{name} answers", lambda: curl(url, host="tcp").status == 200)
    assert pod_of(curl(url, host="tcp").backend["pod"]) == name


def assert_gone(namespace: str, name: str, url: str) -> None:
    """Assert that a Gateway's Deployment, pods and Service end and that its address answers no more."""
    kubectl(f"wait -n {namespace} --for=delete deployment/{name} service/{name} --timeout=60s")
    pods = f"pods -n {namespace} -l gateway.envoyproxy.io/owning-gateway-name=eg"
    eventually("no pods", lambda: get(pods)["items"] == [])
    assert curl(url, host=WWW).status == 0
