"""References → what they lead to: the one door through which a judge reads an object that another one names."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway_api.graph import problems
from gateway_api.graph.lookup import Lookup
from gateway_api.graph.policy import effective
from gateway_api.graph.problems import Problem
from gateway_api.graph.reference_grant import Grants
from gateway_api.graph.references import Referrer
from gateway_api.graph.types import BackendTraffic, Directive, ExternalBackend, Use
from gateway_api.ir.xds import CaBundle, TlsSecret, UpstreamTls
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Service


class Resolver:
    """Follows references. Whoever needs a Service, a certificate or a CA that an object names gets it here and nowhere
    else.

    An object that may not be read looks the same whether or not it exists.
    """

    def __init__(
        self,
        grants: Grants,
        services: Lookup[ObjectKey, Service],
        certificates: Lookup[ObjectKey, TlsSecret | Problem],
        ca_bundles: Mapping[str, Lookup[ObjectKey, CaBundle | Problem]],
        *,
        occupied: Lookup[ObjectKey, bool],
        directives: Mapping[str, Lookup[ObjectKey, tuple[Directive[Any], ...]]],
        note: Callable[[Use], object] | None = None,
    ) -> None:
        """`certificates` are by the key of their Secret, see `certificate.tls_secret`; `ca_bundles` by the kind and key
        of what holds them, see `ca_certificates`; `occupied` has the Services with an address, see `Occupied`;
        `directives` are by the kind of policy, and the Service that is targeted, see `policy.directives_of`; a kind
        that is not there says nothing. `note` is told of every Service that a referrer asks for and may, and of every
        directive that it is given.
        """
        self._grants = grants
        self._services = services
        self._certificates = certificates
        self._ca_bundles = ca_bundles
        self._occupied = occupied
        self._directives = directives
        self._note = note

    def noting(self, note: Callable[[Use], object]) -> "Resolver":
        """Return one that is as this, with another `note`."""
        doors = (self._grants, self._services, self._certificates, self._ca_bundles)
        return Resolver(*doors, occupied=self._occupied, directives=self._directives, note=note)

    def service(self, referrer: Referrer, target: ObjectKey) -> Service | Problem:
        """Return the Service, or why not: RefNotPermitted or BackendNotFound.

        Spec: Gateway API v1.6 RouteReasonRefNotPermitted, RouteReasonBackendNotFound
        """
        if not self._grants.allow(referrer, "Service", target):
            return problems.ref_not_permitted(_not_permitted(referrer, "Service", target))
        if self._note:
            self._note(Use("Service", target))
        found = self._services.get(target)
        return found or problems.backend_not_found(f"Service {target} does not exist.")

    def is_vacant(self, service: ObjectKey) -> bool:
        """Whether a Service that was given out has no address: who asks is judged again when that changes."""
        return service not in self._occupied

    def external_backend(self, referrer: Referrer, target: ObjectKey) -> ExternalBackend | Problem:
        """Return the destination that an XBackend is, or why it is none. No grant opens it to other namespaces.

        Spec: GEP-4894, "Backends MUST live in the same namespace as any route … that references them"
        """
        if referrer.namespace != target.namespace:
            return problems.ref_not_permitted(
                f"XBackend {target} is in another namespace than the {referrer.kind}; make one in {referrer.namespace}."
            )
        found: ExternalBackend | Problem | None = self._said("XBackend", target, "")
        return found or problems.backend_not_found(f"XBackend {target} does not exist.")

    def backend_tls(self, service: ObjectKey, port_name: str) -> UpstreamTls | Problem | None:
        """Return how to connect to a port of a Service that was given out, or why that cannot be; None: in plain text.

        Spec: Gateway API v1.6 BackendTLSPolicySpec.targetRefs
        """
        found: UpstreamTls | Problem | None = self._said("BackendTLSPolicy", service, port_name)
        return found

    def backend_traffic(self, service: ObjectKey) -> BackendTraffic:
        """Return how requests to a Service that was given out are sent. A policy that is wrong says nothing.

        Spec: Gateway API v1.6 BackendTrafficPolicySpec.targetRefs
        """
        found = self._said("XBackendTrafficPolicy", service, "")
        return found if isinstance(found, BackendTraffic) else BackendTraffic()

    def _said(self, kind: str, service: ObjectKey, port_name: str) -> Any:
        directives = self._directives.get(kind)
        directive = effective((directives and directives.get(service)) or (), port_name)
        if directive is None:
            return None
        if self._note:
            self._note(Use(kind, service, directive.section))
        return directive.effect

    def certificate(self, referrer: Referrer, target: ObjectKey) -> TlsSecret | Problem:
        """Return the certificate in a Secret, or why not: RefNotPermitted or InvalidCertificateRef.

        Spec: Gateway API v1.6 ListenerReasonRefNotPermitted, ListenerReasonInvalidCertificateRef
        """
        if not self._grants.allow(referrer, "Secret", target):
            return problems.ref_not_permitted(_not_permitted(referrer, "Secret", target))
        found = self._certificates.get(target)
        return found or problems.invalid_certificate_ref(f"Secret {target} does not exist.")

    def ca_bundle(self, referrer: Referrer, kind: str, target: ObjectKey) -> CaBundle | Problem:
        """Return the authorities in an object of one of the kinds in `ca_certificates.JUDGES`, or why not:
        RefNotPermitted or InvalidCACertificateRef.

        Spec: Gateway API v1.6 ListenerReasonRefNotPermitted, ListenerReasonInvalidCACertificateRef
        """
        if not self._grants.allow(referrer, kind, target):
            return problems.ref_not_permitted(_not_permitted(referrer, kind, target))
        found = self._ca_bundles[kind].get(target)
        return found or problems.invalid_ca_certificate_ref(f"{kind} {target} does not exist.")


def _not_permitted(referrer: Referrer, kind: str, target: ObjectKey) -> str:
    return (
        f"{kind} {target} is in another namespace and no ReferenceGrant in {target.namespace} "
        f"lets the kind {referrer.kind} of {referrer.namespace} refer to it."
    )
