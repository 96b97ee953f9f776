"""ClusterSnapshot → Graph → GatewayIR, InfraIR, statuses: what Gateway API means. Pure functions of frozen values.

A user's error is a value (`Problem`) that ends as a condition; nothing raises for it, and it costs no other object
anything. EndpointSlices never reach the graph: they have their own road, `lowering.endpoints`.
"""
