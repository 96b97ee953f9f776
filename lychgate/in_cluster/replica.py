"""One replica of a cluster's controller. Every replica serves xDS; the holder of the Lease writes."""

import asyncio
import os
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from uuid import uuid4

import structlog

from flow.clock import Clock
from flow.latest import Latest
from gateway_api.status.observed import RememberedRefusals
from gateway_api.status.types import StatusKey
from k8s_apply.api import Json
from k8s_apply.certificate_folders import AuthorityFolder
from k8s_apply.class_finalizer import FinalizerWriter
from k8s_apply.fence import FencedWriter
from k8s_apply.http import HttpWriter
from k8s_apply.infra.observed import Nodes
from k8s_apply.infra.pod import listener_drain
from k8s_apply.infra.reconcile import InfraReconciler
from k8s_apply.lease import Leadership
from k8s_apply.status_writer import StatusWriter
from k8s_apply.watched import watched
from k8s_watch.cluster import Cluster
from k8s_watch.connection import Connection
from k8s_watch.http import HttpReader
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import EndpointSlice
from k8s_watch.trouble import REMEDY
from lychgate.controller import Controller, Feedback, Sinks, changes_allowance
from lychgate.in_cluster.bundles import look_at_bundles
from lychgate.in_cluster.giving_way import give_way, is_one_current
from lychgate.in_cluster.nodes import look_at_nodes
from lychgate.in_cluster.observing import Observer
from lychgate.in_cluster.outage import mind_outages
from lychgate.in_cluster.taking_over import take_over
from lychgate.proxies import infra_settings, proxy_bootstrap
from lychgate.remarks.unclaimed import warn_of_unclaimed
from lychgate.remarks.unserved import warn_of_unserved
from lychgate.settings import Settings, SettingsError
from lychgate.surroundings import cluster_graph_settings
from lychgate.telemetry.certificate_collector import CertificateCollector
from lychgate.telemetry.edge_collector import EdgeCollector, Writers
from lychgate.telemetry.endpoints import Readiness, serving
from lychgate.telemetry.fleet_collector import FleetCollector
from lychgate.telemetry.fleet_meter import FleetMeter
from lychgate.telemetry.metrics import Metrics
from lychgate.telemetry.sockets import PortError, Sockets
from xds_server.protocol.patience import Patience
from xds_server.serve.credentials import TlsFiles
from xds_server.serve.fleet import Fleet
from xds_server.serve.server import ServeSettings, XdsServer
from xds_server.snapshot.cache import SnapshotCache
from xds_server.translate.parts import divide

log = structlog.get_logger("lychgate.in_cluster.replica")


class Replica:
    """One process of the control plane: its parts, made in the order in which they need each other."""

    def __init__(self, settings: Settings, connection: Connection, clock: Clock) -> None:
        self._settings = settings
        self.metrics = Metrics()
        self._clock = clock
        self._began = clock.monotonic()
        self._reader = reader = HttpReader(connection, clock=clock)
        self._cluster = Cluster(reader, clock=clock)
        self._eligible = Latest(initial=False)
        """For the Lease: who is not ready, or cannot read what decides, could write nothing, and must keep nobody from
        it."""
        self._leadership = _leadership(settings, connection, clock, self._eligible)
        self._leading = self._leadership.leading if settings.leader_election else Latest(initial=True)
        self._writing = writing = Latest(initial=False)
        may_write = self._leadership.may_write if settings.leader_election else _always
        writer = FencedWriter(HttpWriter(connection, served=reader.served_version), may_write)
        self._infra_settings = infra_settings(settings)
        authority = AuthorityFolder(Path(settings.ca_dir))
        self._infra = InfraReconciler(
            writer,
            leading=writing,
            clock=clock,
            settings=self._infra_settings,
            ca=authority,
            bootstrap=partial(proxy_bootstrap, settings),
        )
        self._statuses = StatusWriter(writer, leading=writing, clock=clock, observed=self._watched)
        self._finalizers = FinalizerWriter(writer, leading=writing, clock=clock)
        writers = Writers(self._statuses, self._infra, self._finalizers, self._leadership)
        self.metrics.leading.set_function(lambda: writing.value)
        self._bundles: Latest[Mapping[str, str] | None] = Latest(None)
        self._at_nodes = settings.proxy_service_type == "NodePort"
        """Whether Gateways are reached at the nodes."""
        self._behind = Latest(initial=False)
        """Whether the world that we serve may be an old one."""
        self._giving_way = Latest(initial=False)
        """Whether it is, and another replica's is not."""
        self._nodes: Latest[Nodes | None] = Latest(None)
        self._looked_at_nodes = Latest(initial=not self._at_nodes)
        self._observer = Observer(writers, self._infra_settings, nodes=self._nodes, bundles=self._bundles)
        graph_settings = cluster_graph_settings(settings)
        refusals = RememberedRefusals(graph_settings)
        cache = SnapshotCache(divide, refusals.suspicious)
        self._fleet = Fleet(cache, FleetMeter(self.metrics.registry), clock=clock)
        certificate = Path(settings.xds_cert_dir) / "tls.crt"
        certificates = {"xds_server": certificate.read_bytes, "authority": lambda: authority().certificate}
        self.metrics.registry.register(EdgeCollector(self._cluster.health, writers, lambda: connection.throttled))
        self.metrics.registry.register(FleetCollector(self._fleet, cache, self._behind))
        self.metrics.registry.register(CertificateCollector(certificates))
        self._controller = Controller(
            self._cluster,
            cache,
            feedback=Feedback(self._fleet.report, self._observer.report, refusals),
            sinks=Sinks(self._infra, self._statuses),
            settings=graph_settings,
            hold_off=changes_allowance(settings.hold_off_cores, settings.hold_off_at_most),
            metrics=self.metrics,
            clock=clock,
        )
        patience = Patience(linger=listener_drain(settings.proxy_drain_seconds))
        self._server = XdsServer(
            cache,
            self._fleet,
            ready=self._controller.ready,
            behind=self._behind,
            clock=clock,
            settings=ServeSettings(patience=patience),
        )

    async def run(self, sockets: Sockets) -> None:
        """Serve and, while we lead, write; until cancelled.

        Then nothing more is written, the Lease is given back at once, and the proxies are sent away one by one. Those
        whose turn has not come still hear of every change: what follows the world ends after all else.
        """
        settings = self._settings
        readiness = Readiness(self._controller.ready, self._missing, self._behind, self._giving_way)
        async with (
            serving(readiness=readiness, registry=self.metrics.registry, sockets=sockets, clock=self._clock),
            asyncio.TaskGroup() as sources,
            asyncio.TaskGroup() as tasks,
        ):
            sources.create_task(self._cluster.run(), name="cluster")
            sources.create_task(self._controller.run(), name="controller")
            sources.create_task(mind_outages(self._cluster.health, self._behind, self._clock), name="outages")
            sources.create_task(self._giving_way_to_others(), name="giving way")
            tasks.create_task(self._serving_xds(), name="xds")
            tasks.create_task(self._getting_ready(), name="getting ready")
            tasks.create_task(self._taking_over(), name="taking over")
            tasks.create_task(self._infra.run(), name="infrastructure")
            tasks.create_task(self._statuses.run(), name="statuses")
            tasks.create_task(self._finalizers.run(), name="finalizers")
            tasks.create_task(self._observer.run(self._controller.steps), name="observing")
            tasks.create_task(look_at_bundles(self._reader, self._bundles, clock=self._clock), name="bundles")
            if self._at_nodes:
                tasks.create_task(self._looking_at_nodes(), name="looking at nodes")
            unserved = warn_of_unserved(self._reader, self._slices, once=self._controller.ready, clock=self._clock)
            tasks.create_task(unserved, name="unserved")
            unclaimed = warn_of_unclaimed(self._controller.steps, settings.controller_name)
            tasks.create_task(unclaimed, name="unclaimed")
            if settings.leader_election:
                tasks.create_task(self._leadership.run(), name="leadership")

    async def _serving_xds(self) -> None:
        """Raises SettingsError and PortError where it cannot begin."""
        settings = self._settings
        place, folder = _place(settings.xds_address, settings.xds_port), Path(settings.xds_cert_dir)
        tls = TlsFiles(ca=folder / "ca.crt", certificate=folder / "tls.crt", key=folder / "tls.key")
        try:
            await self._server.serve(address=place, tls=tls)
        except OSError as error:
            remedy = "`lychgate certgen` makes it, xdsCertDir says where it is"
            raise SettingsError(f"xDS needs {error.filename or folder}: {error.strerror}: {remedy}") from error
        except RuntimeError as error:
            if self._server.port.value:  # it has begun, so this is something else
                raise
            raise PortError(f"cannot listen on {place}, the xDS port, or with the files in {folder}") from error

    async def _getting_ready(self) -> None:
        await self._controller.ready.until(True)
        await self._looked_at_nodes.until(True)
        self._eligible.publish(True)
        done = self._controller.steps.value
        took = round(self._clock.monotonic() - self._began, 3)
        log.info("ready", seconds=took, gateways=len(done.graph.gateways) if done else 0)

    async def _taking_over(self) -> None:
        await take_over(
            leading=self._leading,
            writing=self._writing,
            eligible=self._eligible,
            giving_way=self._giving_way,
            cluster=self._cluster,
            followed=self._controller.followed,
            clock=self._clock,
        )

    async def _giving_way_to_others(self) -> None:
        await give_way(
            self._giving_way,
            behind=self._behind,
            is_another_current=self._is_another_current,
            send_away=self._server.send_away,
            clock=self._clock,
        )

    async def _is_another_current(self) -> bool:
        settings = self._settings
        ours = self._slices().get(ObjectKey(settings.namespace, settings.service_name), ())
        addresses = [address for each in ours for endpoint in each.endpoints for address in endpoint.addresses]
        return await is_one_current(_place(address, settings.health_port) for address in addresses)

    def _slices(self) -> Mapping[ObjectKey, tuple[EndpointSlice, ...]]:
        done = self._controller.steps.value
        return done.cluster.slices_by_service if done else {}

    async def _looking_at_nodes(self) -> None:
        await look_at_nodes(
            self._reader, self._nodes, self._looked_at_nodes, settings=self._infra_settings, clock=self._clock
        )

    def _missing(self) -> str:
        """What readiness waits for."""
        if self._giving_way.value:
            return "cut off from the API server, which another replica is not"
        waiting = [kind for kind in self._cluster.health() if not kind.synced]
        forbidden = [kind.kind for kind in waiting if kind.forbidden]
        not_served = [kind.kind for kind in waiting if kind.not_served]
        others = [kind.kind for kind in waiting if not (kind.forbidden or kind.not_served)]
        reasons = [f"may not be read ({REMEDY}): {', '.join(forbidden)}"] if forbidden else []
        reasons += [f"no CRD serves (install the Gateway API): {', '.join(not_served)}"] if not_served else []
        reasons += [f"not listed yet: {', '.join(others)}"] if others else []
        return "; ".join(reasons) or "first translation not done yet"

    def _watched(self, of: StatusKey) -> Json | None:
        found = self._cluster.get(of.kind, of.key)
        return watched(found) if found else None


def _leadership(settings: Settings, connection: Connection, clock: Clock, eligible: Latest[bool]) -> Leadership:
    host = os.environ.get("POD_NAME") or socket.gethostname()
    return Leadership(
        HttpWriter(connection),
        identity=f"{host}_{uuid4()}",
        key=ObjectKey(settings.namespace, settings.lease_name),
        clock=clock,
        eligible=eligible,
    )


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _always() -> bool:
    return True
