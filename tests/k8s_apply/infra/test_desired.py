"""What is made for a Gateway has the names, labels, ports and the caution that its users expect."""

from typing import Any, Literal

import msgspec
import pytest

from gateway_api.ir.infra import InfraIR
from gateway_api.ir.pod import BOOTSTRAP_FILE
from k8s_apply.api import Json
from k8s_apply.infra.drift import in_place, stamp
from k8s_apply.infra.names import hashed_name, infra_key, label_value, owner_labels, owner_of
from k8s_apply.infra.pod import pod_template
from k8s_apply.infra.settings import InfraSettings
from k8s_watch.keys import ObjectKey
from tests.k8s_apply.gateways import EG, EG_INFRA, OWN_NAMESPACE, SETTINGS, infra, objects


@pytest.mark.parametrize(
    ("gateway", "name"),
    [
        (EG, "envoy-default-eg-e41e7b31"),
        (ObjectKey("envoy-gateway", "gateway-1"), "envoy-envoy-gateway-gateway-1-196ae069"),
    ],
)
def test_names_are_envoy_gateways(gateway: ObjectKey, name: str) -> None:
    assert hashed_name(gateway) == name


def test_a_long_name_is_cut_and_fits() -> None:
    assert len(hashed_name(ObjectKey("n" * 40, "g" * 200))) == 63
    assert "--" not in hashed_name(ObjectKey("n" * 47, "g"))


def test_in_its_own_namespace_a_gateways_objects_bear_its_name() -> None:
    assert infra_key(EG, OWN_NAMESPACE) == EG
    assert infra_key(EG, SETTINGS) == EG_INFRA


@pytest.mark.parametrize("name", ["1eg", "a.b", "e" * 64])
def test_a_name_that_no_service_can_bear_is_replaced(name: str) -> None:
    key = infra_key(ObjectKey("default", name), OWN_NAMESPACE)
    assert key.namespace == "default"
    assert key.name.startswith("envoy-default-")
    assert "." not in key.name


def test_every_object_has_our_labels_and_the_users() -> None:
    of = infra(labels={"team": "a", "app.kubernetes.io/name": "mine"}, annotations={"note": "b"})
    for kind, manifest in objects(of).items():
        meta = manifest["metadata"]
        assert meta["labels"] == {
            "app.kubernetes.io/name": "envoy",
            "app.kubernetes.io/component": "proxy",
            "app.kubernetes.io/managed-by": "envoy-gateway",
            "gateway.envoyproxy.io/owning-gateway-name": "eg",
            "gateway.envoyproxy.io/owning-gateway-namespace": "default",
            "gateway.networking.k8s.io/gateway-class-name": "eg",
            "gateway.networking.k8s.io/gateway-name": "eg",
            "lychgate/system-namespace": "envoy-gateway-system",
            "team": "a",
        }
        assert meta["annotations"] == ({"note": "b"} if kind == "Service" else {})
        assert (meta["namespace"], meta["name"]) == EG_INFRA


def test_in_our_namespace_pods_have_nothing_of_the_users() -> None:
    """Injectors of containers and agents of clouds obey what stands there, and give what our namespace may have."""
    mine = infra(labels={"sidecar.istio.io/inject": "true"}, annotations={"iam.amazonaws.com/role": "admin"})
    assert template_of(mine, SETTINGS) == template_of(infra(), SETTINGS)


def test_in_its_own_namespace_a_gateway_labels_and_annotates_all() -> None:
    of = infra(labels={"team": "a"}, annotations={"note": "b"})
    made = objects(of, settings=OWN_NAMESPACE)
    for meta in (*(manifest["metadata"] for manifest in made.values()), template_of(of, OWN_NAMESPACE)["metadata"]):
        assert (meta["labels"]["team"], meta["annotations"]["note"]) == ("a", "b")


def template_of(of: InfraIR, settings: InfraSettings) -> Json:
    template: Json = objects(of, settings)["Deployment"]["spec"]["template"]
    return template


def test_the_users_labels_are_no_part_of_the_selector() -> None:
    made = objects(infra(labels={"team": "a"}), OWN_NAMESPACE)
    selector = made["Deployment"]["spec"]["selector"]["matchLabels"]
    assert "team" not in selector
    assert made["Service"]["spec"]["selector"] == selector
    assert selector.items() <= made["Deployment"]["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize(("settings", "kinds"), [(SETTINGS, []), (OWN_NAMESPACE, ["Gateway"])])
def test_the_gateway_owns_what_is_in_its_own_namespace_and_no_class_owns_anything(
    settings: InfraSettings, kinds: list[str]
) -> None:
    for manifest in objects(infra(), settings).values():
        assert [owner["kind"] for owner in manifest["metadata"].get("ownerReferences", ())] == kinds


def test_the_service_shows_the_listeners_ports_and_reaches_the_bound_ones() -> None:
    spec = objects(infra(EG, 8080, 80))["Service"]["spec"]
    assert spec["type"] == "LoadBalancer"
    assert spec["ports"] == [
        {"name": "http-80", "protocol": "TCP", "port": 80, "targetPort": 10080},
        {"name": "http-8080", "protocol": "TCP", "port": 8080, "targetPort": 8080},
    ]


def test_an_address_that_the_user_asks_for_is_asked_of_whoever_gives_addresses() -> None:
    def spec(*addresses: str, of: Literal["LoadBalancer", "NodePort", "ClusterIP"] = "LoadBalancer") -> Json:
        made: Json = objects(infra(addresses=addresses), InfraSettings(service_type=of))["Service"]["spec"]
        return made

    assert spec("192.0.2.1", "192.0.2.2")["loadBalancerIP"] == "192.0.2.1"
    assert spec("10.0.0.1", of="ClusterIP")["clusterIP"] == "10.0.0.1"
    assert "externalTrafficPolicy" not in spec(of="ClusterIP")
    for nothing in (spec(), spec("192.0.2.1", of="NodePort")):
        assert not nothing.keys() & {"loadBalancerIP", "clusterIP", "externalIPs"}
    # Nobody grants these: whoever may write a Gateway could take any address of the cluster or beyond.
    assert "externalIPs" not in spec("192.0.2.1", "192.0.2.2")


def test_the_proxies_secret_never_has_the_name_of_the_gateways_certificate() -> None:
    made = objects(infra(), OWN_NAMESPACE)
    assert {kind: manifest["metadata"]["name"] for kind, manifest in made.items()} == {
        "ServiceAccount": "eg",
        "ConfigMap": "eg",
        "Secret": "envoy-default-eg-e41e7b31",
        "Service": "eg",
        "Deployment": "eg",
    }
    volumes = made["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert [(volume.get("configMap") or volume.get("secret")) for volume in volumes] == [
        {"name": "eg"},
        {"secretName": "envoy-default-eg-e41e7b31", "defaultMode": 0o440},
    ]


def test_listeners_that_come_and_go_leave_every_other_object_alone() -> None:
    before, after = objects(infra(EG, 80)), objects(infra(EG, 80, 443, 8080))
    assert {kind for kind in before if before[kind] != after[kind]} == {"Service"}


def test_the_pod_has_no_rights_that_it_does_not_need() -> None:
    """Spec: Kubernetes "Pod Security Standards", Restricted."""
    pod = objects(infra())["Deployment"]["spec"]["template"]["spec"]
    (envoy,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    security: dict[str, Any] = envoy["securityContext"]
    assert (security["runAsUser"], security["runAsNonRoot"], security["readOnlyRootFilesystem"]) == (65532, True, True)
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not security["allowPrivilegeEscalation"]
    assert {mount["mountPath"]: mount["readOnly"] for mount in envoy["volumeMounts"]} == {
        "/etc/envoy": True,
        "/certs": True,
    }


def test_another_bootstrap_is_another_template() -> None:
    def template(bootstrap: dict[str, str]) -> Json:
        return pod_template(infra(), SETTINGS, bootstrap=bootstrap, drain_secret="secret")

    own = {"bootstrap.yaml": "{}"}
    assert template({"a": "1", "b": "2", **own}) == template({"b": "2", "a": "1", **own})
    assert template({"a": "1", "b": "2", **own}) != template({"a": "1", "b": "3", **own})
    assert template(own) != template({"bootstrap.yaml": '{"node": {}}'})


def test_no_gateway_puts_its_proxies_under_our_own_services() -> None:
    """They select by this label, and so does our disruption budget."""
    made = objects(infra(labels={"control-plane": "envoy-gateway", "team": "a"}), OWN_NAMESPACE)
    pod = made["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert "control-plane" not in pod
    assert pod["team"] == "a"


def test_the_pod_is_probed_and_drains() -> None:
    pod = objects(infra(), InfraSettings(drain_seconds=30))["Deployment"]["spec"]["template"]["spec"]
    (envoy,) = pod["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert (envoy[probe]["httpGet"]["port"], envoy[probe]["httpGet"]["path"]) == (19003, "/ready")
    patience = {
        probe: envoy[probe]["periodSeconds"] * envoy[probe]["failureThreshold"] for probe in envoy if "Probe" in probe
    }
    assert patience == {"startupProbe": 300, "readinessProbe": 30, "livenessProbe": 120}, "a busy proxy still serves"
    assert envoy["lifecycle"]["preStop"]["httpGet"] == {"path": "/drain/secret", "port": 19003, "scheme": "HTTP"}
    assert pod["terminationGracePeriodSeconds"] > 30


def test_the_replicas_are_left_to_others_unless_a_number_is_set() -> None:
    assert "replicas" not in objects(infra())["Deployment"]["spec"]
    assert objects(infra(), InfraSettings(replicas=3))["Deployment"]["spec"]["replicas"] == 3


def test_without_ports_nothing_is_made() -> None:
    assert not objects(msgspec.structs.replace(infra(), ports=()))


def test_a_pod_pulls_its_image_with_the_secrets_named_and_else_with_none() -> None:
    named = msgspec.structs.replace(SETTINGS, image_pull_secrets=("one", "two"))
    texts = {BOOTSTRAP_FILE: "{}"}
    pods = [pod_template(infra(), each, bootstrap=texts, drain_secret="secret")["spec"] for each in (named, SETTINGS)]
    assert pods[0]["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    assert "imagePullSecrets" not in pods[1]


def test_the_owner_is_read_back_from_the_labels_however_long_its_name() -> None:
    gateway = ObjectKey("default", "g" * 100)
    labels = objects(infra(gateway))["Service"]["metadata"]["labels"]
    assert all(len(value) <= 63 for value in labels.values())
    assert owner_of(labels) == owner_labels(gateway)
    assert owner_of({"app.kubernetes.io/name": "envoy"}) is None
    assert label_value("g" * 100) != label_value("g" * 101)


def test_what_the_server_adds_is_no_drift_and_what_somebody_changes_is() -> None:
    wanted = stamp(objects(infra())["Service"])
    spec = wanted["spec"] | {"clusterIP": "10.0.0.1", "ports": [wanted["spec"]["ports"][0] | {"nodePort": 30000}]}
    live = wanted | {"spec": spec, "status": {}}
    assert in_place(live, wanted)
    assert not in_place(live | {"spec": spec | {"type": "NodePort"}}, wanted)
    assert not in_place(live, stamp(objects(infra(EG, 81))["Service"]))


def test_one_changed_argument_among_many_is_drift() -> None:
    wanted = stamp(objects(infra())["Deployment"])
    live = msgspec.json.decode(msgspec.json.encode(wanted))
    arguments = live["spec"]["template"]["spec"]["containers"][0]["args"]
    assert len(arguments) > 1
    assert in_place(live, wanted)
    arguments[-1] = "--other"
    assert not in_place(live, wanted)


def test_what_we_stopped_to_want_is_drift_though_every_field_is_there() -> None:
    before, after = stamp(objects(infra(labels={"a": "b"}))["Service"]), stamp(objects(infra())["Service"])
    assert not in_place(before, after)
