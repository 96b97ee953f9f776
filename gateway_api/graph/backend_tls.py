"""BackendTLSPolicy → how to connect to what it targets, or why that cannot be done.

What cannot be done safely is not done at all: no connection is made in plain text, or unverified, because a policy is
wrong.

Spec: Gateway API v1.6 BackendTLSPolicy
"""

from collections.abc import Iterator

from gateway_api.graph import problems
from gateway_api.graph.ca_certificates import merged
from gateway_api.graph.hostnames import is_hostname, is_precise
from gateway_api.graph.reference_grant import Referrer, Resolver
from gateway_api.graph.types import JudgedPolicy, Problem, Settings
from gateway_api.ir.xds import CaBundle, CaFile, SubjectName, UpstreamTls
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.policies import BackendTLSPolicy, BackendTLSPolicyValidation, SubjectAltName
from k8s_watch.objects.routes import LocalObjectReference

type BackendTls = JudgedPolicy[UpstreamTls]

_FIELD = "spec.validation"


def judge_backend_tls_policy(policy: BackendTLSPolicy, resolver: Resolver, settings: Settings) -> BackendTls:
    """Judge a policy by itself, wherever it is attached. Its options are ignored.

    Spec: Gateway API v1.6 BackendTLSPolicySpec
    """
    validation = policy.spec.validation
    answers = [_ca_bundle(ref, policy, resolver) for ref in validation.ca_certificate_refs]
    bundles = [answer for answer in answers if isinstance(answer, CaBundle)]
    wrong = (*_validation_problems(validation, settings), *(one for one in answers if isinstance(one, Problem)))
    if answers and not bundles:
        wrong += (problems.no_valid_ca_certificate(f"None of {_FIELD}.caCertificateRefs can be used."),)
    refusal = next((problem for problem in wrong if problem.condition == problems.ACCEPTED), None)
    if refusal is not None:
        message = f"BackendTLSPolicy {policy.key} cannot be followed: {refusal.message}"
        return JudgedPolicy(source=policy, effect=problems.invalid_backend_tls(message), problems=wrong)
    tls = UpstreamTls(
        server_name=validation.hostname,
        names=_names(validation),
        authorities=merged(bundles) if bundles else CaFile(path=settings.system_ca_file),
    )
    return JudgedPolicy(source=policy, effect=tls, problems=wrong)


def _ca_bundle(ref: LocalObjectReference, policy: BackendTLSPolicy, resolver: Resolver) -> CaBundle | Problem:
    """Spec: Gateway API v1.6 BackendTLSPolicyValidation.caCertificateRefs."""
    if (ref.group, ref.kind) != ("", "ConfigMap"):
        kind = f"{ref.kind}.{ref.group}" if ref.group else ref.kind
        return problems.invalid_kind(f"caCertificateRef {ref.name} is of kind {kind}; only ConfigMap is supported.")
    namespace = policy.metadata.namespace
    return resolver.ca_bundle(Referrer("BackendTLSPolicy", namespace), ObjectKey(namespace, ref.name))


def _names(validation: BackendTLSPolicyValidation) -> tuple[SubjectName, ...]:
    """Spec: Gateway API v1.6 BackendTLSPolicyValidation.hostname, "MUST be used for authentication … unless"."""
    if not validation.subject_alt_names:
        return (SubjectName(kind="dns", value=validation.hostname),)
    return tuple(
        SubjectName(kind="dns", value=name.hostname or "")
        if name.type == "Hostname"
        else SubjectName(kind="uri", value=name.uri or "")
        for name in validation.subject_alt_names
    )


def _validation_problems(validation: BackendTLSPolicyValidation, settings: Settings) -> Iterator[Problem]:
    if not is_precise(validation.hostname):
        message = f"{_FIELD}.hostname {validation.hostname!r} is not a lower-case DNS name."
        yield problems.invalid_policy(message)
    for i, name in enumerate(validation.subject_alt_names):
        if wrong := _name_problem(name):
            yield problems.invalid_policy(f"{_FIELD}.subjectAltNames[{i}] {wrong}.")
    well_known = validation.well_known_ca_certificates
    if bool(validation.ca_certificate_refs) == bool(well_known):
        message = f"{_FIELD} needs caCertificateRefs or wellKnownCACertificates, and not both."
        yield problems.invalid_policy(message)
    elif well_known and well_known != "System":
        message = f"{_FIELD}.wellKnownCACertificates is {well_known}; only System is supported."
        yield problems.invalid_policy(message)
    elif well_known and not settings.system_ca_file:
        message = (
            f"{_FIELD}.wellKnownCACertificates: this installation knows of no system certificates; set systemCaFile, "
            "or use caCertificateRefs."
        )
        yield problems.invalid_policy(message)


def _name_problem(name: SubjectAltName) -> str:
    """Spec: Gateway API v1.6 SubjectAltName."""
    match name.type:
        case "Hostname":
            return "" if is_hostname(name.hostname or "") else f"has the hostname {name.hostname!r}, which is none"
        case "URI":
            return "" if ":" in (name.uri or "") else f"has the uri {name.uri!r}, which is none"
        case other:
            return f"has the unknown type {other}; use Hostname or URI"
