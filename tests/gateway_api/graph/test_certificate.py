import base64
from collections.abc import Callable, Mapping
from math import lcm

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway_api.graph.ca_certificates import ca_bundle
from gateway_api.graph.certificate import tls_secret
from gateway_api.graph.problems import Problem
from gateway_api.graph.types import ListenerNode
from gateway_api.ir.xds import CaBundle, TlsSecret
from k8s_watch.objects.core import ConfigMap, Secret
from k8s_watch.objects.meta import Meta
from tests.authority import key_usage
from tests.certificates import MUST_STAPLE, ODDLY_WRITTEN
from tests.certificates import UNUSABLE as CERTIFICATES
from tests.certificates import pem as block
from tests.gateway_api.conftest import certificate, pem_key

type Listeners = Callable[..., Mapping[str, ListenerNode]]
type NewSecret = Callable[..., str]

HTTPS = "[{name: s, port: 443, protocol: HTTPS, tls: {certificateRefs: [%s]}}]"


def reasons(node: ListenerNode) -> list[tuple[str, str]]:
    return [(problem.condition, problem.reason) for problem in node.problems]


UNUSABLE = [("ResolvedRefs", "InvalidCertificateRef"), ("Programmed", "Invalid")]


def test_a_matching_pair_is_served(listeners: Listeners, secret: NewSecret) -> None:
    node = listeners(HTTPS % "{name: cert}", secret())["s"]
    assert node.serves
    assert [one.name for one in node.certificates] == ["default/cert"]
    assert node.problems == ()


def test_one_usable_certificate_of_two_is_served_and_the_other_reported(
    listeners: Listeners, secret: NewSecret
) -> None:
    node = listeners(HTTPS % "{name: none}, {name: cert}", secret())["s"]
    assert node.serves
    assert reasons(node) == [("ResolvedRefs", "InvalidCertificateRef")]


def test_a_certificate_in_another_namespace_needs_a_grant(listeners: Listeners, secret: NewSecret) -> None:
    theirs = secret(namespace="other")
    grant = """
    kind: ReferenceGrant
    metadata: {name: g, namespace: other}
    spec:
      from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
      to: [{group: "", kind: Secret}]
    """
    refs = HTTPS % "{name: cert, namespace: other}"
    assert reasons(listeners(refs, theirs)["s"]) == [("ResolvedRefs", "RefNotPermitted"), ("Programmed", "Invalid")]
    assert listeners(refs, theirs, grant)["s"].serves


@pytest.mark.parametrize("ref", ["", "{name: none}", "{name: cert, kind: ConfigMap}", "{name: cert, group: x.io}"])
def test_without_a_secret_nothing_is_served(ref: str, listeners: Listeners, secret: NewSecret) -> None:
    node = listeners(HTTPS % ref, secret())["s"]
    assert not node.serves
    assert reasons(node) == UNUSABLE


@pytest.mark.parametrize("field", ["tls.crt", "tls.key"])
@pytest.mark.parametrize("content", [None, "", "%", "ü", base64.b64encode(b"Hello").decode()])
def test_damaged_data_is_refused(field: str, content: str | None, listeners: Listeners, secret: NewSecret) -> None:
    damaged = yaml.safe_load(secret())
    damaged["data"].pop(field)
    if content is not None:
        damaged["data"][field] = content
    assert reasons(listeners(HTTPS % "{name: cert}", yaml.safe_dump(damaged))["s"]) == UNUSABLE


def test_a_key_of_another_certificate_is_refused(listeners: Listeners, secret: NewSecret) -> None:
    mixed, other = yaml.safe_load(secret()), yaml.safe_load(secret())
    mixed["data"]["tls.key"] = other["data"]["tls.key"]
    node = listeners(HTTPS % "{name: cert}", yaml.safe_dump(mixed))["s"]
    assert "does not belong" in node.problems[0].message


def test_what_envoy_would_refuse_is_refused_here(listeners: Listeners, secret: NewSecret) -> None:
    keys = [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1())]
    for key in keys:
        assert reasons(listeners(HTTPS % "{name: cert}", secret(key=key))["s"]) == UNUSABLE


def rsa_key(p: int, q: int) -> rsa.RSAPrivateKey:
    """The key of two primes, which nobody looks at whether they are."""
    d = pow(65537, -1, lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def test_a_key_that_would_cost_everybody_time_is_refused(listeners: Listeners, secret: NewSecret) -> None:
    """Looking whether its primes are some takes 10 s, and so do handshakes with the next larger ones."""
    node = listeners(HTTPS % "{name: cert}", secret(key=rsa_key(2**4423 - 1, 2**4253 - 1)))["s"]
    assert reasons(node) == UNUSABLE
    assert "8676 bits; it must have 2048 to 8192" in node.problems[0].message


def test_a_key_file_that_is_too_long_is_not_read(listeners: Listeners, secret: NewSecret) -> None:
    long = yaml.safe_load(secret())
    long["data"]["tls.key"] = base64.b64encode(b"-" * (16 * 1024 + 1)).decode()
    node = listeners(HTTPS % "{name: cert}", yaml.safe_dump(long))["s"]
    assert "more than 16384 bytes" in node.problems[0].message


def test_a_chain_that_no_client_reads_is_not_kept(listeners: Listeners, secret: NewSecret) -> None:
    """Each listener that shows it has proxies keep a parsed one: with a thousand certificates, some megabytes."""
    long = yaml.safe_load(secret())
    chain = base64.b64decode(long["data"]["tls.crt"])
    long["data"]["tls.crt"] = base64.b64encode(chain * (100 * 1024 // len(chain) + 1)).decode()
    node = listeners(HTTPS % "{name: cert}", yaml.safe_dump(long))["s"]
    assert reasons(node) == UNUSABLE
    assert "tls.crt of more than 102400 bytes; keep" in node.problems[0].message


@pytest.mark.parametrize("field", ["d", "dmp1", "dmq1", "iqmp"])
def test_an_rsa_key_whose_numbers_are_not_of_one_key_is_refused(
    field: str, listeners: Listeners, secret: NewSecret
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    of = key.private_numbers()
    numbers = {"d": of.d, "dmp1": of.dmp1, "dmq1": of.dmq1, "iqmp": of.iqmp}
    numbers[field] += of.p if field == "iqmp" else 2
    odd = rsa.RSAPrivateNumbers(p=of.p, q=of.q, public_numbers=of.public_numbers, **numbers)
    mixed = yaml.safe_load(secret(key=key))
    mixed["data"]["tls.key"] = base64.b64encode(pem_key(odd.private_key(unsafe_skip_rsa_key_validation=True))).decode()
    node = listeners(HTTPS % "{name: cert}", yaml.safe_dump(mixed))["s"]
    assert "parameters are inconsistent" in node.problems[0].message


def test_an_rsa_key_whose_private_exponent_is_larger_than_need_be_is_refused() -> None:
    """It does what the one that is smaller by a multiple does, and BoringSSL takes none beyond the modulus."""
    key = rsa.generate_private_key(65537, 2048)
    of = key.private_numbers()
    n, e = of.public_numbers.n, of.public_numbers.e
    for d, is_served in ((of.d, True), (of.d + n * lcm(of.p - 1, of.q - 1), False)):
        der = der_sequence(0, n, e, d, of.p, of.q, of.dmp1, of.dmq1, of.iqmp)
        found = tls_secret(pair(certificate(key), block("RSA PRIVATE KEY", der)))
        assert isinstance(found, TlsSecret) is is_served, found


def der_sequence(*numbers: int) -> bytes:
    """The library writes no such key. Spec: RFC 8017 A.1.2."""

    def field(tag: int, content: bytes) -> bytes:
        size = len(content).to_bytes((len(content).bit_length() + 7) // 8)
        return bytes([tag]) + (size if len(content) < 128 else bytes([0x80 | len(size)]) + size) + content

    return field(0x30, b"".join(field(2, n.to_bytes(n.bit_length() // 8 + 1)) for n in numbers))


def pair(chain: bytes, key: bytes) -> Secret:
    data = {"tls.crt": base64.b64encode(chain).decode(), "tls.key": base64.b64encode(key).decode()}
    return Secret(metadata=Meta(name="cert", namespace="default"), data=data)


@pytest.mark.parametrize("oddly", ODDLY_WRITTEN)
def test_what_is_served_is_written_anew(oddly: str) -> None:
    """Each library reads in its own way what is written oddly."""
    key = ec.generate_private_key(ec.SECP256R1())
    chain = certificate(key)
    found = tls_secret(pair(ODDLY_WRITTEN[oddly](chain), b"  " + pem_key(key).replace(b"\n", b"\n  ")))
    assert isinstance(found, TlsSecret)
    assert found.certificate_chain in (chain, 2 * chain)
    assert found.private_key.reveal() == pem_key(key)


def test_an_rsa_key_is_served(listeners: Listeners, secret: NewSecret) -> None:
    assert listeners(HTTPS % "{name: cert}", secret(key=rsa.generate_private_key(65537, 2048)))["s"].serves


def with_certificate(*extensions: x509.ExtensionType, common_name: str) -> str:
    """A Secret with such a certificate, as YAML."""
    key = ec.generate_private_key(ec.SECP256R1())
    pair = {"tls.crt": certificate(key, *extensions, common_name=common_name), "tls.key": pem_key(key)}
    data = {field: base64.b64encode(content).decode() for field, content in pair.items()}
    return yaml.safe_dump({"kind": "Secret", "metadata": {"name": "cert", "namespace": "default"}, "data": data})


NAMED = x509.SubjectAlternativeName([x509.DNSName("www.example.com")])


@pytest.mark.parametrize("wrong", CERTIFICATES)
def test_a_certificate_that_no_proxy_can_serve_is_refused(wrong: str, listeners: Listeners) -> None:
    extensions, name = CERTIFICATES[wrong]
    node = listeners(HTTPS % "{name: cert}", with_certificate(*extensions, common_name=name))["s"]
    assert reasons(node) == UNUSABLE
    assert wrong in node.problems[0].message


@pytest.mark.parametrize("extension", [key_usage("digital_signature"), NAMED])
def test_what_is_for_signatures_or_names_somebody_is_served(
    extension: x509.ExtensionType, listeners: Listeners
) -> None:
    name = "" if extension is NAMED else "www.example.com"
    assert listeners(HTTPS % "{name: cert}", with_certificate(extension, common_name=name))["s"].serves


def pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


KEY = ec.generate_private_key(ec.SECP256R1())
ODD = certificate(
    KEY,
    x509.SubjectAlternativeName([x509.DNSName("www.example.com"), x509.RFC822Name("a@example.com")]),
    key_usage("digital_signature"),
    MUST_STAPLE,
)
DER = x509.load_pem_x509_certificate(ODD).public_bytes(Encoding.DER)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), min_size=1, max_size=3))
@settings(max_examples=1000)
@example([(DER.rindex(b"\x0c\x0fwww.example.com"), 0x14), (DER.rindex(b"\x0c\x0fwww") + 2, 0xFC)])
@example([(DER.index(b"\x82\x0fwww.example.com"), 0xA3)])
@example([(DER.index(b"\xa0\x03\x02\x01\x02") + 4, 5)])
def test_no_certificate_is_so_odd_that_judging_it_fails(changes: list[tuple[int, int]]) -> None:
    """A common name in an old alphabet, a name of a strange sort, a version that never was: what raises here would keep
    the graph of everybody as it is."""
    odd = bytearray(DER)
    for place, value in changes:
        odd[place] = value
    data = {"tls.crt": base64.b64encode(pem(bytes(odd))).decode(), "tls.key": base64.b64encode(pem_key(KEY)).decode()}
    meta = Meta(name="cert", namespace="default")
    assert isinstance(tls_secret(Secret(metadata=meta, data=data)), TlsSecret | Problem)
    config_map = ConfigMap(metadata=meta, data={"ca.crt": pem(bytes(odd)).decode()})
    assert isinstance(ca_bundle(config_map), Problem | CaBundle)


@pytest.mark.parametrize("algorithm", [b"\x2b\x65\x6e", b"\x2b\x65\x6f", b"\x2b\x65\x70", b"\x2b\x65\x71"])
@pytest.mark.parametrize("key", [b"", b"\x01"])
def test_no_key_is_so_odd_that_judging_it_fails(algorithm: bytes, key: bytes) -> None:
    """X25519, X448, Ed25519 and Ed448, too short: to the library an error of its own."""
    inner = b"\x04" + bytes([len(key)]) + key
    sequence = b"\x02\x01\x00\x30\x05\x06\x03" + algorithm + b"\x04" + bytes([len(inner)]) + inner
    der = b"\x30" + bytes([len(sequence)]) + sequence
    private = b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(der) + b"-----END PRIVATE KEY-----\n"
    data = {"tls.crt": base64.b64encode(ODD).decode(), "tls.key": base64.b64encode(private).decode()}
    assert isinstance(tls_secret(Secret(metadata=Meta(name="cert", namespace="default"), data=data)), Problem)


def test_no_message_shows_the_key(listeners: Listeners, secret: NewSecret) -> None:
    damaged = yaml.safe_load(secret())
    damaged["data"]["tls.key"] = base64.b64encode(b"hunter2").decode()
    node = listeners(HTTPS % "{name: cert}", yaml.safe_dump(damaged))["s"]
    assert "hunter2" not in repr(node)
