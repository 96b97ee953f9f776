"""One Gateway of the graph → what must run for it."""

from collections.abc import Iterator

from gateway_api.graph.gateways.listener import transport_of
from gateway_api.graph.gateways.standing import is_refused
from gateway_api.graph.types import GatewayNode, Graph, ListenerNode
from gateway_api.ir.infra import InfraIR, InfraPort, Owner
from gateway_api.ir.xds import Transport
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import GROUP, GatewayInfrastructure

_API_VERSION = f"{GROUP}/v1"


def lower_infra(graph: Graph, gateway: ObjectKey) -> InfraIR:
    """Say what must run for a Gateway.

    `gateway` is one of `graph.gateways`. `ports` are those of its listeners, sorted, also of one that only lacks a
    certificate or an authority for now. While none serves there is nothing to run yet, though the Gateway keeps what it
    has.

    Spec: Gateway API v1.6 GatewaySpec.infrastructure, GatewaySpec.addresses
    """
    node = graph.gateways[gateway]
    spec = node.source.spec
    infrastructure = spec.infrastructure or GatewayInfrastructure()
    return InfraIR(
        gateway=gateway,
        gateway_class=spec.gateway_class_name,
        owner=Owner(api_version=_API_VERSION, kind="Gateway", name=gateway.name, uid=node.source.metadata.uid),
        ports=tuple(_infra_ports(node)),
        labels=infrastructure.labels,
        annotations=infrastructure.annotations,
        addresses=tuple(dict.fromkeys(of.value for of in spec.addresses if of.value and of.type == "IPAddress")),
    )


def _infra_ports(gateway: GatewayNode) -> Iterator[InfraPort]:
    """Each is the same whichever of its listeners is the first, and whichever serve. A port that a Service had before
    is another one to a load balancer, and on the nodes; and by one that gets another name these let nobody in until the
    Service's EndpointSlices have it, too.
    """
    if not (gateway.serves and any(listener.serves for listener in gateway.all_listeners)):
        return
    sharing: dict[tuple[int, Transport], list[ListenerNode]] = {}
    for listener in gateway.all_listeners:
        if not is_refused(listener):
            sharing.setdefault((listener.spec.port, transport_of(listener.spec)), []).append(listener)
    for (port, transport), listeners in sorted(sharing.items()):
        name = f"{min(listener.spec.protocol for listener in listeners).lower()}-{port}"
        yield InfraPort(name=name, protocol=transport, port=port, bind_port=listeners[0].bind_port)
