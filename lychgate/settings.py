"""Every setting: type, default, unit, meaning. `lychgate.cli.reading_settings` has where they come from."""

from typing import Annotated, Literal

import msgspec

from k8s_apply.quantity import CPU, MEMORY

_NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
NAMES = rf"^({_NAME}(,{_NAME})*)?$"
"""Names of objects, separated by commas. Spec: Kubernetes "Object Names and IDs", DNS subdomain names."""

DURATION = r"^(?=.*[1-9])([0-9]{1,5}(h|m|s|ms)){1,4}$"
"""Above zero. Spec: GEP-2257"""

# What a `description` says, who wrote something else is told to write.
type Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
type Duration = Annotated[
    str, msgspec.Meta(pattern=DURATION, description="a time above zero, for example 15s or 1m30s")
]
type Cpu = Annotated[str, msgspec.Meta(pattern=CPU, description="cores or thousandths of them, for example 2 or 250m")]
type Memory = Annotated[str, msgspec.Meta(pattern=MEMORY, description="an amount of memory, for example 512Mi")]


class SettingsError(ValueError):
    """A setting has no usable value. The text names where it came from, the field and the remedy."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How one process of ours behaves. The defaults are those of the tutorial."""

    controller_name: str = "gateway.envoyproxy.io/gatewayclass-controller"
    """GatewayClasses with this controllerName are ours."""

    namespace: str = "envoy-gateway-system"
    """The controller's namespace; the proxies' too, unless `gateway_namespace_mode`."""

    gateway_namespace_mode: bool = False
    """Run each Gateway's proxies in the Gateway's namespace, as GEP-1762 asks, instead of all in the controller's.
    Needs the ClusterRole of `docker/gateway-namespace-mode.yaml`, which sets this too: without it no proxies are made.
    """

    envoy_image: str = "envoyproxy/envoy:distroless-v1.40.0"
    """The proxy pods' image."""

    envoy_image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When a node pulls the proxies' image."""

    envoy_image_pull_secrets: Annotated[
        str, msgspec.Meta(pattern=NAMES, description="names of Secrets, separated by commas alone")
    ] = ""
    """Names of Secrets in the proxies' namespace to pull their image with, separated by commas."""

    proxy_replicas: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Proxies per Gateway. None is what kubectl or an autoscaler scales its Deployment to; a new one has 1."""

    proxy_disruption_budget: bool = True
    """Whether the proxies of a Gateway are to be evicted one at a time when nodes are emptied. False where you have
    budgets of your own for them: of a pod that two select nobody can empty its node."""

    proxy_service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"] = "LoadBalancer"
    """The type of the proxies' Services. With NodePort a Gateway's addresses are the nodes' (with
    `proxy_external_traffic_policy` Local, of those with a proxy that is ready), as of a minute ago."""

    proxy_external_traffic_policy: Literal["Local", "Cluster"] = "Local"
    """Local keeps the clients' addresses and saves a hop; with Cluster every node leads to the proxies."""

    proxy_ip_family: Literal["IPv4", "IPv6", "DualStack"] = "IPv4"
    """What the proxies listen on; with DualStack, their Services ask for both where the cluster has both."""

    proxy_cpu_request: Cpu = "100m"
    """CPU request of each proxy, for example 2 or 250m."""

    proxy_memory_request: Memory = "512Mi"
    """Memory request of each proxy, for example 512Mi."""

    proxy_memory_limit: Memory | None = None
    """Memory limit of each proxy, if any; from four fifths of it a proxy refuses requests, so as not to be killed."""

    proxy_min_ready_seconds: Annotated[int, msgspec.Meta(ge=0, le=300)] = 30
    """Seconds that a new proxy has been ready when a rollout ends an old one: load balancers notice the new one."""

    proxy_drain_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 60
    """Seconds that a terminating proxy keeps serving, while clients and load balancers move on. 0 stops it at once."""

    proxy_log_level: Literal["trace", "debug", "info", "warn", "error", "critical", "off"] = "warn"
    """The least severe level of line that Envoy logs."""

    proxy_stats: str = ""
    """A regular expression (RE2) of names of statistics that the proxies keep beside those of docs/metrics.md, for
    example `cluster[.].*[.]upstream_cx_connect_ms`."""

    service_name: str = "envoy-gateway"
    """The Service by which the proxies find us: the host of their xDS connection."""

    cluster_domain: str = "cluster.local"
    """The DNS suffix of the cluster."""

    xds_address: str = "0.0.0.0"
    """The interface that xDS is served on."""

    xds_port: Port = 18000
    """The port of xDS over mTLS."""

    xds_cert_dir: str = "/certs"
    """Folder with tls.crt and tls.key to serve xDS with, and ca.crt that clients must chain to. Re-read on change."""

    ca_dir: str = "/ca"
    """Folder with ca.crt and ca.key that sign the proxies' client certificates."""

    metrics_address: str = "0.0.0.0"
    """The interface of Prometheus metrics."""

    metrics_port: Port = 19001
    """The port of Prometheus metrics; 0 turns them off."""

    health_address: str = "0.0.0.0"
    """The interface of /healthz, /readyz and /current, which the other replicas ask."""

    health_port: Port = 8081
    """The port of /healthz, /readyz and /current; 0 turns them off, and giving way to other replicas with them."""

    kubeconfig: str | None = None
    """A kubeconfig file; None is $KUBECONFIG, else the pod's own service account, else ~/.kube/config."""

    leader_election: bool = True
    """Only the holder of the Lease writes. False writes at once: for a single replica alone."""

    lease_name: str = "envoy-gateway-leader"
    """The Lease's name, in `namespace`."""

    privileged_port_shift: Annotated[int, msgspec.Meta(ge=0, le=65535 - 1023)] = 10000
    """Added to listener ports below 1024, which a proxy without root cannot bind; 0 binds them as they are."""

    escaped_slashes: Literal["UnescapeAndRedirect", "UnescapeAndForward", "KeepUnchanged", "RejectRequest"] = (
        "UnescapeAndRedirect"
    )
    """What happens to a path with `%2F` or `%5C`, for all Gateways. With KeepUnchanged, routes match and backends get
    what the client wrote, as GitLab, npm and RabbitMQ need: a backend that unescapes it sees another path than routes
    did."""

    merge_slashes: bool = True
    """Whether `//` in a path becomes `/`, for all Gateways. False leaves it, as keys of S3 may need."""

    request_timeout: Duration | None = None
    """How long after a request's end its answer must have ended, for example 15s, where the rule of an HTTPRoute has no
    `timeouts`, for all Gateways. None is without limit. It ends slow downloads and event streams, too."""

    route_scoping: Literal["auto", "always", "never"] = "auto"
    """Whether the proxies get each exact hostname's routes separately ("scoped"). A change then takes a proxy 2 to 6 ms
    however large the table is; a request costs 2.5 to 4 µs more of its CPU (7 to 23 %), and 0.5 µs per wildcard. `auto`
    scopes a table that has 500 exact hostnames outside its wildcards, until fewer than 250 are left. A table with more
    than ten wildcards, or with a route for every hostname, is never scoped."""

    system_ca_file: str = "/etc/ssl/certs/ca-certificates.crt"
    """Where the proxies find the authorities that a BackendTLSPolicy calls `System`, as in the image; "" is nowhere.
    `lychgate run` looks where this machine has them."""

    hold_off_cores: Annotated[float, msgspec.Meta(gt=0)] = 0.1
    """CPU cores that following changes may use before changes are batched; below that, each is sent at once."""

    hold_off_at_most: Annotated[float, msgspec.Meta(ge=0)] = 0.5
    """Seconds for which a change waits at most for others to be sent with it."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level of line that is logged."""

    log_format: Literal["json", "console"] = "json"
    """One JSON object a line, or text for a terminal."""

    def __post_init__(self) -> None:
        """Raises ValueError for what Envoy would not start with."""
        if self.proxy_stats:
            from gateway_api.graph.regex import MAX_PROGRAM, regex_size  # noqa: PLC0415 (few set it; ports wait for it)

            size = regex_size(self.proxy_stats)
            if isinstance(size, str) or size > MAX_PROGRAM:
                wrong = size if isinstance(size, str) else "too large"
                raise ValueError(f"`proxyStats` is no regular expression that Envoy takes: {wrong}")
