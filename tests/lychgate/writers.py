"""All who write to the API server of a place where infrastructure is made."""

from k8s_apply.class_finalizer import FinalizerWriter
from k8s_apply.lease import Leadership
from k8s_apply.status_writer import StatusWriter
from k8s_watch.keys import ObjectKey
from lychgate.telemetry.edge_collector import Writers
from tests.k8s_apply.site import Site


def writers_of(site: Site) -> Writers:
    """All of them lead when the site does."""
    return Writers(
        StatusWriter(site.api, leading=site.leading, clock=site.clock, observed=lambda _: None),
        site.reconciler,
        FinalizerWriter(site.api, leading=site.leading, clock=site.clock),
        Leadership(site.api, identity="a", key=ObjectKey("ns", "lease"), clock=site.clock),
    )
