"""GatewayIR, Endpoints → Envoy resources → xDS streams to the fleet, and the fleet's answers back.

Knows `gateway_api.ir` and object keys; knows no Kubernetes object and no Graph.
"""
