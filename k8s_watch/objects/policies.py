"""Gateway API policies: BackendTLSPolicy, XBackendTrafficPolicy, and what every kind of policy has."""

import msgspec

from k8s_watch.objects.meta import Condition, Object, Shape
from k8s_watch.objects.routes import LocalObjectReference, ParentReference, SessionPersistence


class PolicyTargetReference(Shape, frozen=True):
    """Spec: Gateway API v1 LocalPolicyTargetReferenceWithSectionName. The target is in the policy's own namespace."""

    group: str
    kind: str
    name: str
    section_name: str | None = None
    """Of a Service: the name of a port."""


class PolicySpec(Shape, frozen=True):
    """What every kind of policy has."""

    target_refs: tuple[PolicyTargetReference, ...]


class PolicyAncestorStatus(Shape, frozen=True):
    ancestor_ref: ParentReference
    controller_name: str
    conditions: tuple[Condition, ...] = ()


class PolicyStatus(Shape, frozen=True):
    ancestors: tuple[PolicyAncestorStatus, ...] = ()


class Policy(Object, frozen=True):
    """What every kind of policy has."""

    spec: PolicySpec
    status: PolicyStatus = PolicyStatus()


class SubjectAltName(Shape, frozen=True):
    type: str
    """Hostname or URI: which of the others is set."""
    hostname: str | None = None
    uri: str | None = None


class BackendTLSPolicyValidation(Shape, frozen=True):
    hostname: str
    ca_certificate_refs: tuple[LocalObjectReference, ...] = ()
    well_known_ca_certificates: str | None = msgspec.field(name="wellKnownCACertificates", default=None)
    subject_alt_names: tuple[SubjectAltName, ...] = ()


class BackendTLSPolicySpec(PolicySpec, frozen=True):
    """`options` are each implementation's own; we have none."""

    validation: BackendTLSPolicyValidation
    options: dict[str, str] = {}


class BackendTLSPolicy(Policy, frozen=True):
    spec: BackendTLSPolicySpec


class RetryBudget(Shape, frozen=True):
    """Spec: Gateway API v1.6 BudgetDetails. `interval` is GEP-2257 text."""

    percent: int = 20
    interval: str = "10s"


class RequestRate(Shape, frozen=True):
    """So many an interval, which is GEP-2257 text."""

    count: int = 10
    interval: str = "1s"


class RetryConstraint(Shape, frozen=True):
    budget: RetryBudget = RetryBudget()
    min_retry_rate: RequestRate = RequestRate()


class XBackendTrafficPolicySpec(PolicySpec, frozen=True):
    """It targets whole Services: its targetRefs have no `section_name`."""

    retry_constraint: RetryConstraint | None = None
    session_persistence: SessionPersistence | None = None


class XBackendTrafficPolicy(Policy, frozen=True):
    spec: XBackendTrafficPolicySpec
