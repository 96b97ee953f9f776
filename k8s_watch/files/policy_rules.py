"""What the fields of one shape of a policy, or of an XBackend, must be to each other: shape → broken rules, each with
its remedy.

Spec: the CEL rules of the Gateway API v1.6 CRDs
"""

import msgspec

from k8s_watch.files.checks import Broken
from k8s_watch.objects import backends, policies


def target_refs(spec: msgspec.Struct) -> Broken:
    """A target once, or several sections of it once each."""
    if not isinstance(spec, policies.PolicySpec):
        return
    seen: dict[tuple[str, str, str], set[str]] = {}
    for i, ref in enumerate(spec.target_refs):
        section = ref.section_name or ""
        sections = seen.setdefault((ref.group, ref.kind, ref.name), set())
        if sections and (not section or section in sections or "" in sections):
            yield ("targetRefs", i), f"targets {ref.kind} {ref.name} again: give each a sectionName of its own"
        sections.add(section)


def authorities(validation: msgspec.Struct) -> Broken:
    """One way to say whom to trust."""
    if isinstance(validation, policies.BackendTLSPolicyValidation):
        if validation.ca_certificate_refs and validation.well_known_ca_certificates:
            yield ("wellKnownCACertificates",), "does not go with caCertificateRefs: remove one"
        if not (validation.ca_certificate_refs or validation.well_known_ca_certificates):
            yield ("caCertificateRefs",), "is missing: name a ConfigMap, or write wellKnownCACertificates: System"


def subject_alt_name(name: msgspec.Struct) -> Broken:
    """A name has the field of its type and no other."""
    if isinstance(name, policies.SubjectAltName):
        for type_, field, value in (("Hostname", "hostname", name.hostname), ("URI", "uri", name.uri)):
            if value and name.type != type_:
                yield (field,), f"does not go with type {name.type}: write type {type_}"
            if not value and name.type == type_:
                yield (field,), f"is missing: type {type_} needs it"


def whole_services(spec: msgspec.Struct) -> Broken:
    """This kind of policy knows no ports."""
    if isinstance(spec, policies.XBackendTrafficPolicySpec):
        for i, ref in enumerate(spec.target_refs):
            if ref.section_name is not None:
                yield ("targetRefs", i, "sectionName"), "is not known: the policy is for a whole Service; leave it out"


def external_hostname(spec: msgspec.Struct) -> Broken:
    """A backend outside of the cluster, and really outside."""
    if not isinstance(spec, backends.XBackendSpec):
        return
    if spec.external_hostname is None:
        yield ("externalHostname",), "is missing: type ExternalHostname needs it"
    elif spec.external_hostname.hostname.endswith(".cluster.local"):
        yield ("externalHostname", "hostname"), "is a name of the cluster: refer to the Service itself"


def client_certificate(tls: msgspec.Struct) -> Broken:
    """A certificate for who shows one."""
    if isinstance(tls, backends.XBackendTls) and (tls.mode == "ClientAndServer") != bool(tls.client_certificate_ref):
        yield ("clientCertificateRef",), "goes with mode ClientAndServer, and with no other"
