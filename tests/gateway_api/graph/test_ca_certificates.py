import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway_api.graph.ca_certificates import ca_bundle, merged, secret_ca_bundle, too_large
from gateway_api.graph.problems import Problem
from gateway_api.ir.xds import CaBundle
from k8s_watch.objects.core import ConfigMap, Secret
from k8s_watch.objects.meta import Meta
from tests.gateway_api.conftest import certificate, pem_key

ONE, TWO = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
FIRST, SECOND = certificate(ONE), certificate(TWO)


def config_map(name: str = "ca", **data: str) -> ConfigMap:
    return ConfigMap(metadata=Meta(name=name, namespace="default"), data=data)


def bundle(content: bytes, name: str = "ca") -> CaBundle:
    found = ca_bundle(config_map(name, **{"ca.crt": content.decode()}))
    assert isinstance(found, CaBundle)
    return found


def test_every_certificate_is_trusted_once() -> None:
    assert bundle(FIRST + SECOND + FIRST) == CaBundle(name="ca/default/ca", certificates=(FIRST, SECOND))


def test_what_stands_between_the_certificates_stays_here() -> None:
    assert bundle(b"# ours\n" + FIRST + pem_key(ONE)).certificates == (FIRST,)


@pytest.mark.parametrize("content", ["", "ü", "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(content: str) -> None:
    found = ca_bundle(config_map(**{"ca.crt": content}))
    assert isinstance(found, Problem)
    assert (found.condition, found.reason) == ("ResolvedRefs", "InvalidCACertificateRef")
    assert "default/ca" in found.message


def test_one_damaged_certificate_spoils_the_bundle() -> None:
    damaged = FIRST.replace(b"MI", b"AA", 1)
    assert isinstance(ca_bundle(config_map(**{"ca.crt": (SECOND + damaged).decode()})), Problem)


@pytest.mark.parametrize("entry", ["tls.crt", "ca-bundle.pem"])
def test_another_entry_will_do_where_there_is_no_doubt(entry: str) -> None:
    assert ca_bundle(config_map(**{entry: FIRST.decode()})) == bundle(FIRST)
    both = {entry: FIRST.decode(), "ca.crt": SECOND.decode()}
    assert ca_bundle(config_map(**both)) == bundle(SECOND)


@pytest.mark.parametrize("data", [{}, {"ca.pem": "rules"}, {"a.pem": FIRST.decode(), "b.pem": SECOND.decode()}])
def test_a_config_map_without_the_entry_says_which_is_needed(data: dict[str, str]) -> None:
    found = ca_bundle(config_map(**data))
    assert isinstance(found, Problem)
    assert "default/ca has no ca.crt" in found.message


def secret(**data: bytes) -> Secret:
    encoded = {name: base64.b64encode(content).decode() for name, content in data.items()}
    return Secret(metadata=Meta(name="ca", namespace="default"), data=encoded)


def test_of_a_secret_the_issuer_is_trusted() -> None:
    """Under another name than a ConfigMap's that is called alike."""
    found = secret_ca_bundle(secret(**{"ca.crt": FIRST, "tls.crt": SECOND, "tls.key": pem_key(TWO)}))
    assert found == CaBundle(name="ca/secret/default/ca", certificates=(FIRST,))


@pytest.mark.parametrize("data", [{"tls.crt": FIRST}, {"ca.pem": FIRST}, {"ca.crt": b""}, {"ca.crt": b"\xff"}])
def test_nothing_else_of_a_secret_makes_an_authority(data: dict[str, bytes]) -> None:
    found = secret_ca_bundle(secret(**data))
    assert isinstance(found, Problem)
    assert (found.condition, found.reason) == ("ResolvedRefs", "InvalidCACertificateRef")
    assert found.message.startswith("Secret default/ca has ")


def test_what_is_not_base64_is_refused() -> None:
    assert isinstance(secret_ca_bundle(Secret(metadata=Meta(name="ca"), data={"ca.crt": "%"})), Problem)


def test_several_bundles_are_one_that_says_so() -> None:
    both = merged([bundle(FIRST, "a"), bundle(SECOND + FIRST, "b"), bundle(FIRST, "a")])
    assert both == CaBundle(name="ca/default/a+default/b", certificates=(FIRST, SECOND))
    assert merged([bundle(FIRST)]) == bundle(FIRST)


def test_together_they_may_be_too_large() -> None:
    """Each policy that names eight ConfigMaps of a megabyte, in an order of its own, was eight megabytes more."""
    half = CaBundle(name="ca/default/half", certificates=(bytes(256 * 1024),))
    assert too_large([half, half]) == ""
    assert too_large([half, half, bundle(FIRST)]) == "come to more than 512 KiB of certificates; leave some out"
