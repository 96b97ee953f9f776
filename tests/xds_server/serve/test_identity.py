"""Whose proxy a client is."""

import pytest

from gateway_api.ir.identity import gateway_uri
from k8s_watch.keys import ObjectKey
from xds_server.serve.identity import Denied, authorized_gateway, certified_gateway
from xds_server.serve.server import is_local
from xds_server.serve.wire import Node

EG = ObjectKey("default", "eg")


def test_the_certificate_names_the_gateway() -> None:
    assert certified_gateway(["localhost", gateway_uri(EG)]) == EG


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["default/eg"],
        ["spiffe://elsewhere/ns/default/gateway/eg"],
        ["spiffe://lychgate/ns/default/sa/eg"],
        ["spiffe://lychgate/ns/default/gateway/eg/more"],
        ["spiffe://lychgate/ns/default/gateway/"],
        ["spiffe://lychgate/ns/../gateway/eg"],
        ["spiffe://lychgate/ns/default/gateway/eg\n"],
        [gateway_uri(EG), gateway_uri(ObjectKey("default", "other"))],
    ],
)
def test_any_other_certificate_names_none(names: list[str]) -> None:
    with pytest.raises(Denied):
        certified_gateway(names)


def test_the_node_must_agree_with_the_certificate() -> None:
    assert authorized_gateway(EG, Node("p", "default/eg")) == EG
    with pytest.raises(Denied):
        authorized_gateway(EG, Node("p", "default/other"))


@pytest.mark.parametrize("cluster", ["", "eg", "default/eg/x", "a b/c", "/eg", "default/"])
def test_a_node_without_a_gateway_is_denied(cluster: str) -> None:
    with pytest.raises(Denied):
        authorized_gateway(None, Node("p", cluster))


def test_without_a_certificate_the_node_is_believed() -> None:
    assert authorized_gateway(None, Node("p", "default/eg")) == EG


@pytest.mark.parametrize("address", ["unix:/run/xds.sock", "127.0.0.1:18000", "localhost:0", "[::1]:1"])
def test_addresses_of_this_machine_alone(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize(
    "address", ["0.0.0.0:18000", "[::]:18000", "10.0.0.1:1", "xds.example:1", "127.evil.example:1"]
)
def test_addresses_that_others_can_reach(address: str) -> None:
    assert not is_local(address)
