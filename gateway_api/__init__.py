"""ClusterSnapshot → Graph → GatewayIR, InfraIR, statuses: what Gateway API means. Pure functions of frozen values.

A user's error is a value (`Problem`) that ends as a condition; nothing raises for it, and it costs no other object
anything. Of EndpointSlices the graph reads only which Services have an address (`graph.occupied`): they have a road of
their own, `lowering.endpoints`.
"""
