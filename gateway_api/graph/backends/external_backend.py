"""XBackend → a destination outside of the cluster, or why it is none.

Whoever may make one has a proxy connect to what a name leads to, so the name is only ever a public one: no IP address,
no name of the cluster or of the proxy's own machine, and it is looked up as it stands, not in the pod's search domains.
A name's owner can still have it lead to any address; the ports of the proxies' own interfaces are out of reach for that
reason.

Spec: Gateway API v1.6 XBackend; GEP-4894, "FQDN Security Analysis"
"""

from collections.abc import Iterator

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.backends.backend_tls import judge_validation
from gateway_api.graph.certificate import certificate
from gateway_api.graph.hostnames import is_precise
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import ExternalBackend, GraphSettings, JudgedPolicy
from gateway_api.ir.pod import RESERVED_PORTS
from gateway_api.ir.xds import TlsSecret, UpstreamTls
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.gateway import EXPERIMENTAL_GROUP
from k8s_watch.objects.policies import BackendTLSPolicyValidation

_PROTOCOLS = (None, "TCP", "HTTP", "HTTP2", "HTTP11", "H2C", "GRPC")
_OF_THE_CLUSTER = (".cluster.local", ".svc")
_OF_THE_MACHINE = (".localhost", ".local", ".localdomain", ".internal", ".home.arpa")
"""Clouds have servers of secrets there: metadata.google.internal, instance-data.ec2.internal."""


def judge_external_backend(
    backend: XBackend, resolver: Resolver, settings: GraphSettings
) -> JudgedPolicy[ExternalBackend]:
    """Judge an XBackend by itself, whoever uses it.

    Spec: Gateway API v1.6 BackendSpec
    """
    tls, unresolved = _tls(backend, resolver, settings)
    wrong = (*(problems.invalid_policy(f"{message}.") for message in _errors(backend, settings)), *unresolved)
    refusal = next((problem for problem in wrong if problem.condition == problems.ACCEPTED), None)
    hostname = backend.spec.external_hostname
    if refusal is not None or hostname is None:
        message = f"XBackend {backend.key} cannot be used: {(refusal or wrong[0]).message}"
        return JudgedPolicy(source=backend, effect=problems.invalid_backend(message), problems=wrong)
    spec = backend.spec
    found = ExternalBackend(hostname=hostname.hostname, port=spec.port.port, protocol=spec.protocol, tls=tls)
    return JudgedPolicy(source=backend, effect=found, problems=wrong)


def _errors(backend: XBackend, settings: GraphSettings) -> Iterator[str]:
    spec = backend.spec
    if spec.type != "ExternalHostname":
        yield f"spec.type {spec.type!r} is unknown; use ExternalHostname"
    if spec.external_hostname is None:
        yield "spec.externalHostname is missing"
    elif error := _hostname_error(spec.external_hostname.hostname, settings.cluster_domain):
        yield f"spec.externalHostname.hostname {spec.external_hostname.hostname!r} {error}"
    if not 1 <= spec.port.port <= 65535:
        yield f"spec.port.port is {spec.port.port}: use 1 to 65535"
    elif spec.port.port in RESERVED_PORTS:
        yield f"spec.port.port {spec.port.port} is reserved for the proxies themselves; use another"
    if spec.protocol not in _PROTOCOLS:
        known = "HTTP, HTTP11, HTTP2, H2C, GRPC or TCP"
        yield f"spec.protocol {spec.protocol} is not supported; use {known}, or leave it out"


def _hostname_error(hostname: str, cluster_domain: str) -> str | None:
    """Spec: Gateway API v1.6 ExternalHostnameBackend.hostname."""
    if not is_precise(hostname) or not hostname.rpartition(".")[2][0].isalpha():
        return "is not a lower-case DNS name"  # no domain at the top begins with a digit, 127.1 does
    if f".{hostname}".endswith((*_OF_THE_CLUSTER, f".{cluster_domain}")):
        return "is a name of the cluster; refer to the Service itself"
    if "." not in hostname or f".{hostname}".endswith(_OF_THE_MACHINE):
        return "is a name of a machine or a network; use a full public one"
    return None


def _tls(
    backend: XBackend, resolver: Resolver, settings: GraphSettings
) -> tuple[UpstreamTls | None, tuple[Problem, ...]]:
    """Say how to encrypt, and what is wrong; None is plain text where nothing is.

    Spec: Gateway API v1.6 BackendTLS; GEP-4894, "Implementation Example"
    """
    tls, hostname = backend.spec.tls, backend.spec.external_hostname
    if tls is None or tls.mode == "None" or hostname is None:
        return None, ()
    if tls.mode not in ("ServerOnly", "ClientAndServer"):
        return _refused(f"spec.tls.mode {tls.mode!r} is unknown; use None, ServerOnly or ClientAndServer.")
    ref = tls.client_certificate_ref
    if (tls.mode == "ClientAndServer") != (ref is not None):
        return _refused("spec.tls needs a clientCertificateRef for mode ClientAndServer, and for no other.")
    referrer = Referrer("XBackend", backend.metadata.namespace, EXPERIMENTAL_GROUP)
    # Without a validation: the system's authorities, and the name that it is.
    validation = tls.validation or BackendTLSPolicyValidation(
        hostname=hostname.hostname, well_known_ca_certificates="System"
    )
    found, wrong = judge_validation(validation, referrer, "spec.tls.validation", resolver, settings)
    if found is None or ref is None:
        return found, wrong
    shown = certificate(ref, referrer, resolver)
    if not isinstance(shown, TlsSecret):
        refusal = problems.invalid_policy(f"spec.tls.clientCertificateRef cannot be used: {shown.message}")
        return None, (*wrong, shown, refusal)
    return msgspec.structs.replace(found, client_certificate=shown), wrong


def _refused(message: str) -> tuple[None, tuple[Problem, ...]]:
    return None, (problems.invalid_policy(message),)
