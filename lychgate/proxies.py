"""Settings → what proxies are made of and told. Pure."""

from collections.abc import Mapping

from gateway_api.ir.infra import InfraIR
from k8s_apply.infra.pod import ZONE
from k8s_apply.infra.settings import InfraSettings
from k8s_apply.quantity import bytes_of, canonical_cpu, canonical_memory
from lychgate.settings import Settings
from lychgate.surroundings import bind_address
from xds_server.bootstrap.pod import Drain, pod_bootstrap


def infra_settings(settings: Settings) -> InfraSettings:
    """What counts for their Deployments and Services."""
    return InfraSettings(
        system_namespace=settings.namespace,
        gateway_namespace_mode=settings.gateway_namespace_mode,
        image=settings.envoy_image,
        image_pull_policy=settings.envoy_image_pull_policy,
        image_pull_secrets=tuple(filter(None, settings.envoy_image_pull_secrets.split(","))),
        replicas=settings.proxy_replicas,
        disruption_budget=settings.proxy_disruption_budget,
        service_type=settings.proxy_service_type,
        external_traffic_policy=settings.proxy_external_traffic_policy,
        dual_stack=settings.proxy_ip_family == "DualStack",
        cpu_request=canonical_cpu(settings.proxy_cpu_request),
        memory_request=canonical_memory(settings.proxy_memory_request),
        memory_limit=canonical_memory(settings.proxy_memory_limit) if settings.proxy_memory_limit else None,
        min_ready_seconds=settings.proxy_min_ready_seconds,
        drain_seconds=settings.proxy_drain_seconds,
        log_level=settings.proxy_log_level,
    )


def proxy_bootstrap(settings: Settings, infra: InfraIR, drain_secret: str) -> Mapping[str, str]:
    """The bootstrap's texts of one Gateway's proxies by file name. For `drain_secret`, see `pod_template`."""
    made = infra_settings(settings)
    return pod_bootstrap(
        gateway=infra.gateway,
        xds_host=f"{settings.service_name}.{settings.namespace}.svc.{settings.cluster_domain}",
        xds_port=settings.xds_port,
        bootstrap_dir=made.bootstrap_dir,
        certs_dir=made.certs_dir,
        bind_address=bind_address(settings),
        drain=Drain(settings.proxy_drain_seconds, drain_secret) if settings.proxy_drain_seconds else None,
        max_heap_bytes=bytes_of(limit) * 4 // 5 if (limit := settings.proxy_memory_limit) else None,
        more_stats=settings.proxy_stats,
        zone=ZONE,
    )
