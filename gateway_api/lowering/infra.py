"""One Gateway of the graph → what must run for it."""

from gateway_api.graph.types import Graph
from gateway_api.ir.infra import InfraIR, InfraPort, Owner
from gateway_api.lowering.ports import Port, ports_of
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import GROUP, GatewayInfrastructure

_API_VERSION = f"{GROUP}/v1"


def lower_infra(graph: Graph, gateway: ObjectKey) -> InfraIR:
    """Say what must run for a Gateway.

    `gateway` is one of `graph.gateways`. `ports` are those of its serving listeners, sorted; with none of them there is
    nothing to run yet, though the Gateway keeps what it has.

    Spec: Gateway API v1.6 GatewaySpec.infrastructure, GatewaySpec.addresses
    """
    node = graph.gateways[gateway]
    spec = node.source.spec
    infrastructure = spec.infrastructure or GatewayInfrastructure()
    return InfraIR(
        gateway=gateway,
        owner=Owner(api_version=_API_VERSION, kind="Gateway", name=gateway.name, uid=node.source.metadata.uid),
        ports=tuple(map(_infra_port, ports_of(node))),
        labels=infrastructure.labels,
        annotations=infrastructure.annotations,
        addresses=tuple(dict.fromkeys(of.value for of in spec.addresses if of.value and of.type == "IPAddress")),
    )


def _infra_port(port: Port) -> InfraPort:
    """Its name is the same whichever of its listeners is the first, and whichever serve: nodes let nobody in by a port
    of a Service that gets another name, until the Service's EndpointSlices have it, too.
    """
    protocol = min(listener.spec.protocol for listener in (*port.listeners, *port.unserved))
    name = f"{protocol.lower()}-{port.number}"
    return InfraPort(name=name, protocol=port.transport, port=port.number, bind_port=port.bind_port)
