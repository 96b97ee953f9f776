"""Envoy Gateway → Lychgate → Envoy Gateway in one cluster, by the steps of docs/from-envoy-gateway.md, under load.

    python bench/takeover.py

Every answer is counted, over HTTP and HTTPS, on connections of twenty requests each. One JSON object a way is printed.
A step that does not end as the page says ends the run.
"""

import argparse
import base64
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from cryptography import x509

from bench.cluster import envoy_gateway
from bench.cluster.api import Api, Json
from bench.cluster.load import under_load
from bench.cluster.objects import backend
from bench.cluster.run import Client
from bench.lab import in_the_lab
from tests.authority import Authority
from tests.lab import cluster as lab
from tests.lab.binaries import GATEWAY_API_CRDS
from tests.lab.network import inside
from tests.lab.places import ADMIN_KUBECONFIG, PROJECT
from tests.lab.processes import wait_for
from tests.lab.project_images import ENVOY_IMAGE

SYSTEM = "envoy-gateway-system"
PROXIES = "gateway.envoyproxy.io/owning-gateway-name=eg"
HOST = "www.example.com"
RATE = 200
"""Requests a second of each load."""
PATIENCE = 180
INSTALL = PROJECT / "docker" / "install.yaml"

PARAMETERS = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "proxies", "namespace": SYSTEM}
ENVOY_PROXY = {
    "apiVersion": "gateway.envoyproxy.io/v1alpha1",
    "kind": "EnvoyProxy",
    "metadata": {"name": "proxies", "namespace": SYSTEM},
    "spec": {
        "provider": {
            "type": "Kubernetes",
            "kubernetes": {
                "envoyDeployment": {
                    "replicas": 2,
                    "pod": {"nodeSelector": {"kubernetes.io/os": "linux"}},
                    "container": {"image": ENVOY_IMAGE},
                },
                "envoyService": {"loadBalancerSourceRanges": ["172.16.0.0/12"]},
            },
        }
    },
}
"""What somebody who has Envoy Gateway may have said of the proxies."""


def main() -> None:
    """Go there and back, and print what each way cost."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    envoy_gateway.prepare()
    with in_the_lab():
        say("Envoy Gateway, a Gateway with two proxies, a route")
        api = Api()
        install_crds_and_images()
        install_envoy_gateway()
        create_world(api)
        address = until_served(api)
        before = service()
        for name, way in (("to Lychgate", to_lychgate), ("back to Envoy Gateway", to_envoy_gateway)):
            say(name)
            start = time.monotonic()
            with counting(address) as answers:
                way(api, address)
                time.sleep(2)
            print(json.dumps({"way": name, "seconds": round(time.monotonic() - start), **answers}), flush=True)
            kept = service()
            assert kept == before, f"the Service was {before} and is {kept}"


def to_lychgate(api: Api, address: str) -> None:
    """Walk "The steps" of the page."""
    end_control_plane()
    api.apply(gateway_class(parameters=False))
    helm("uninstall", "eg", "-n", SYSTEM)
    ours = ("deployment/envoy-gateway", "service/envoy-gateway", "serviceaccount/envoy-gateway", "pdb/envoy-gateway")
    kubectl("delete", "--ignore-not-found", "-n", SYSTEM, *ours, "hpa/envoy-gateway")
    old = proxies(api)
    kubectl("apply", "--server-side", "-f", str(INSTALL))
    kubectl("wait", "-n", SYSTEM, "deployment/envoy-gateway", "--for=condition=Available", "--timeout=2m")
    until_replaced(api, old)
    until_it_listens(api, address, "after-lychgate.example.com")


def to_envoy_gateway(api: Api, address: str) -> None:
    """Walk "The way back" of the page."""
    end_control_plane()
    without_namespace = INSTALL.read_text().partition("\n---\n")[2]
    kubectl("delete", "--ignore-not-found", "-f", "-", stdin=without_namespace)
    left = ("configmap/envoy-gateway-settings", "lease/envoy-gateway-leader")
    kubectl("delete", "--ignore-not-found", "-n", SYSTEM, *left)
    secrets = ("envoy-gateway", "envoy-gateway-ca", "envoy", "envoy-rate-limit", "envoy-oidc-hmac")
    kubectl("delete", "--ignore-not-found", "-n", SYSTEM, *(f"secret/{name}" for name in secrets))
    api.apply(gateway_class(parameters=True))
    kubectl("label", "namespace", SYSTEM, "pod-security.kubernetes.io/enforce-")
    old = proxies(api)
    install_envoy_gateway()
    until_replaced(api, old)
    until_it_listens(api, address, "after-envoy-gateway.example.com")


def end_control_plane() -> None:
    """Return when it is gone: whichever it is, it would apply what the other is told next."""
    kubectl("scale", "-n", SYSTEM, "deployment/envoy-gateway", "--replicas=0")
    kubectl("wait", "-n", SYSTEM, "pod", "-l", "control-plane=envoy-gateway", "--for=delete", "--timeout=60s")


def install_crds_and_images() -> None:
    """Make Envoy Gateway and all CRDs known to the cluster."""
    lab.load([envoy_gateway.image()])
    for place in (GATEWAY_API_CRDS / "experimental", *envoy_gateway.crds()):
        kubectl("apply", "--server-side", "--force-conflicts", "-f", str(place))


def install_envoy_gateway() -> None:
    """As its page has it, by helm."""
    words = envoy_gateway.chart(ENVOY_IMAGE)
    helm("install", "eg", *words, "-n", SYSTEM, "--create-namespace", "--skip-crds", "--wait", "--timeout=3m")


def create_world(api: Api) -> None:
    """A class with parameters, a Gateway with plain and encrypted listeners, a route to two pods."""
    kubectl("apply", "-f", "-", stdin=json.dumps(ENVOY_PROXY))
    pem = Authority().issue(x509.DNSName(HOST))
    data = {"tls.crt": base64.b64encode(pem.certificate).decode(), "tls.key": base64.b64encode(pem.key).decode()}
    api.apply({**document("v1", "Secret", "www"), "type": "kubernetes.io/tls", "data": data})
    for made in backend("backend"):
        made["metadata"]["namespace"] = "default"
        api.apply(made)
    api.apply(gateway_class(parameters=True))
    tls = {"certificateRefs": [{"name": "www"}]}
    listeners = [
        {"name": "http", "port": 80, "protocol": "HTTP"},
        {"name": "https", "port": 443, "protocol": "HTTPS", "tls": tls},
    ]
    spec = {"gatewayClassName": "eg", "listeners": listeners}
    api.apply({**document("gateway.networking.k8s.io/v1", "Gateway", "eg"), "spec": spec})
    api.apply(route("www", HOST))


def gateway_class(*, parameters: bool) -> Json:
    """The class, with or without what Envoy Gateway alone can read."""
    spec: Json = {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"}
    if parameters:
        spec["parametersRef"] = PARAMETERS
    made = document("gateway.networking.k8s.io/v1", "GatewayClass", "eg")
    return {**made, "metadata": {"name": "eg"}, "spec": spec}


def route(name: str, host: str) -> Json:
    """A host to the backend."""
    rule = {"backendRefs": [{"name": "backend", "port": 80}]}
    spec = {"parentRefs": [{"name": "eg"}], "hostnames": [host], "rules": [rule]}
    return {**document("gateway.networking.k8s.io/v1", "HTTPRoute", name), "spec": spec}


def document(version: str, kind: str, name: str) -> Json:
    """The head of an object."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}}


def until_served(api: Api) -> str:
    """Wait for the first answer; return the Gateway's address."""

    def addresses() -> list[Json]:
        found: list[Json] = api.get("Gateway", "eg", namespace="default").get("status", {}).get("addresses", [])
        return found

    wait_for("an address", lambda: bool(addresses()), patience=PATIENCE)
    address: str = addresses()[0]["value"]
    wait_for("an answer", lambda: Client(address).status(HOST) == 200, patience=PATIENCE)
    kubectl("rollout", "status", "-n", SYSTEM, "deployment", "-l", PROXIES, f"--timeout={PATIENCE}s")
    return address


def until_it_listens(api: Api, address: str, host: str) -> None:
    """Whoever reigns now has to serve a new route."""
    api.apply(route(host.partition(".")[0], host))
    client = Client(address)
    wait_for(f"an answer for {host}", lambda: client.status(host) == 200, patience=60)


def proxies(api: Api) -> set[str]:
    """The pods of the Gateway's proxies."""
    return {pod["metadata"]["name"] for pod in api.list("Pod", namespace=SYSTEM, labels=PROXIES)}


def until_replaced(api: Api, old: set[str]) -> None:
    """Return when none of the old proxies is there, and all of the new ones are ready."""
    assert len(old) == 2, f"two proxies were there, not {sorted(old)}"
    wait_for("the end of the old proxies", lambda: not old & proxies(api), patience=PATIENCE)
    kubectl("rollout", "status", "-n", SYSTEM, "deployment", "-l", PROXIES, f"--timeout={PATIENCE}s")
    assert len(proxies(api)) == 2, f"two proxies were asked for, not {sorted(proxies(api))}"


def service() -> Json:
    """What clients and load balancers see of the Gateway's Service."""
    (found,) = json.loads(kubectl("get", "service", "-n", SYSTEM, "-l", PROXIES, "-o", "json"))["items"]
    spec = found["spec"]
    ports = sorted((port["port"], port["nodePort"]) for port in spec["ports"])
    seen = {key: spec.get(key) for key in ("type", "clusterIP", "loadBalancerSourceRanges", "externalTrafficPolicy")}
    name, uid = found["metadata"]["name"], found["metadata"]["uid"]
    return {"name": name, "uid": uid, "ports": ports, "addresses": found["status"]["loadBalancer"], **seen}


@contextmanager
def counting(address: str) -> Iterator[Json]:
    """Send requests while the block lasts; the sums are in the yielded object afterwards."""
    sums: Json = {}
    few = ("--requests-a-connection", "20")
    with ExitStack() as loads:
        plain = loads.enter_context(under_load(address, HOST, ["/"], RATE, *few))
        encrypted = loads.enter_context(under_load(address, HOST, ["/"], RATE, "--tls", "--port", "443", *few))
        yield sums
    answers = Counter(plain["answers"]) + Counter(encrypted["answers"])
    slowest = max(plain["slowest_ms"], encrypted["slowest_ms"])
    sums |= {"requests": answers.total(), "lost": answers.total() - answers["200"], "answers": answers}
    sums |= {"reopened": plain["reopened"] + encrypted["reopened"], "slowest_ms": round(slowest, 1)}


def kubectl(*words: str, stdin: str | None = None) -> str:
    """Type it, and show it: these are the page's steps."""
    say(f"  kubectl {' '.join(words)}")
    return lab.kubectl(*words, stdin=stdin)


def helm(*words: str) -> None:
    """Type it, as the cluster's administrator."""
    say(f"  helm {' '.join(words)}")
    command = [str(envoy_gateway.binary("helm")), "--kubeconfig", str(ADMIN_KUBECONFIG), *words]
    subprocess.run(inside(*command), check=True, stdout=sys.stderr)


def say(text: str) -> None:
    """Progress, beside the results."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
