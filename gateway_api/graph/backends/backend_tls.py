"""BackendTLSPolicy → how to connect to what it targets, or why that cannot be done.

What cannot be done safely is not done at all: no connection is made in plain text, or unverified, because a policy is
wrong.

Spec: Gateway API v1.6 BackendTLSPolicy
"""

from collections.abc import Iterator

from gateway_api.graph import problems
from gateway_api.graph.ca_certificates import JUDGES, merged, too_large
from gateway_api.graph.hostnames import is_hostname, is_precise
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer, kind_of
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import GraphSettings, JudgedPolicy
from gateway_api.ir.xds import CaBundle, CaFile, SubjectName, UpstreamTls
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.policies import BackendTLSPolicy, BackendTLSPolicyValidation, SubjectAltName
from k8s_watch.objects.routes import LocalObjectReference

type BackendTls = JudgedPolicy[UpstreamTls]


def judge_backend_tls_policy(policy: BackendTLSPolicy, resolver: Resolver, settings: GraphSettings) -> BackendTls:
    """Judge a policy by itself, wherever it is attached. Its options are ignored.

    Spec: Gateway API v1.6 BackendTLSPolicySpec
    """
    referrer = Referrer("BackendTLSPolicy", policy.metadata.namespace)
    tls, wrong = judge_validation(policy.spec.validation, referrer, "spec.validation", resolver, settings)
    if tls is None:
        refusal = next(problem for problem in wrong if problem.condition == problems.ACCEPTED)
        message = f"BackendTLSPolicy {policy.key} cannot be followed: {refusal.message}"
        return JudgedPolicy(source=policy, effect=problems.invalid_backend_tls(message), problems=wrong)
    return JudgedPolicy(source=policy, effect=tls, problems=wrong)


def judge_validation(
    validation: BackendTLSPolicyValidation, referrer: Referrer, field: str, resolver: Resolver, settings: GraphSettings
) -> tuple[UpstreamTls | None, tuple[Problem, ...]]:
    """Say how to connect to what is validated in this way, and what is wrong; None: it cannot be, and one of the
    problems has condition Accepted.

    `referrer` has the field named `field`.

    Spec: Gateway API v1.6 BackendTLSPolicyValidation
    """
    answers = [_ca_bundle(ref, referrer, resolver) for ref in validation.ca_certificate_refs]
    bundles = [answer for answer in answers if isinstance(answer, CaBundle)]
    wrong = (
        *_validation_problems(validation, field, settings),
        *(one for one in answers if isinstance(one, Problem)),
    )
    if answers and not bundles:
        wrong += (problems.no_valid_ca_certificate(f"None of {field}.caCertificateRefs can be used."),)
    elif said := too_large(bundles):
        wrong += (problems.no_valid_ca_certificate(f"{field}.caCertificateRefs {said}."),)
    if any(problem.condition == problems.ACCEPTED for problem in wrong):
        return None, wrong
    authorities = merged(bundles) if bundles else CaFile(path=settings.system_ca_file)
    return UpstreamTls(server_name=validation.hostname, names=_names(validation), authorities=authorities), wrong


def _ca_bundle(ref: LocalObjectReference, referrer: Referrer, resolver: Resolver) -> CaBundle | Problem:
    """Spec: Gateway API v1.6 BackendTLSPolicyValidation.caCertificateRefs."""
    if ref.group or ref.kind not in JUDGES:
        return problems.invalid_kind(
            f"caCertificateRef {ref.name} is of kind {kind_of(ref)}; use a ConfigMap or a Secret."
        )
    return resolver.ca_bundle(referrer, ref.kind, ObjectKey(referrer.namespace, ref.name))


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


def _validation_problems(
    validation: BackendTLSPolicyValidation, field: str, settings: GraphSettings
) -> Iterator[Problem]:
    if not is_precise(validation.hostname):
        message = f"{field}.hostname {validation.hostname!r} is not a lower-case DNS name."
        yield problems.invalid_policy(message)
    for i, name in enumerate(validation.subject_alt_names):
        if wrong := _name_problem(name):
            yield problems.invalid_policy(f"{field}.subjectAltNames[{i}] {wrong}.")
    well_known = validation.well_known_ca_certificates
    if bool(validation.ca_certificate_refs) == bool(well_known):
        message = f"{field} needs caCertificateRefs or wellKnownCACertificates, and not both."
        yield problems.invalid_policy(message)
    elif well_known and well_known != "System":
        message = f"{field}.wellKnownCACertificates is {well_known}; only System is supported."
        yield problems.invalid_policy(message)
    elif well_known and not settings.system_ca_file:
        message = (
            f"{field}.wellKnownCACertificates: this installation knows of no system certificates; set systemCaFile, "
            "or use caCertificateRefs."
        )
        yield problems.invalid_policy(message)


def _name_problem(name: SubjectAltName) -> str:
    """Spec: Gateway API v1.6 SubjectAltName."""
    match name.type:
        case "Hostname":
            return (
                "" if is_hostname(name.hostname or "") else f"has hostname {name.hostname!r}, which is not a DNS name"
            )
        case "URI":
            return "" if ":" in (name.uri or "") else f"has uri {name.uri!r}, which is not a URI"
        case other:
            return f"has the unknown type {other}; use Hostname or URI"
