"""The HTTP connection manager and its filters."""

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.extensions.filters.common.fault.v3.fault_pb2 import FaultDelay
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors, CorsPolicy
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2 import GrpcWeb
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import HeaderMutation as HeaderMutationFilter
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import Mutations
from envoy.extensions.filters.http.health_check.v3.health_check_pb2 import HealthCheck
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua, LuaPerRoute
from envoy.extensions.filters.http.on_demand.v3.on_demand_pb2 import OnDemand
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    LocalReplyConfig,
    Rds,
    ResponseMapper,
    ScopedRds,
    ScopedRoutes,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2 import (
    HeaderMutation as EarlyHeaderMutation,
)

__all__ = [
    "Cors",
    "CorsPolicy",
    "EarlyHeaderMutation",
    "FaultDelay",
    "GrpcWeb",
    "HTTPFault",
    "HeaderMutation",
    "HeaderMutationFilter",
    "HealthCheck",
    "HttpConnectionManager",
    "HttpFilter",
    "LocalReplyConfig",
    "Lua",
    "LuaPerRoute",
    "Mutations",
    "OnDemand",
    "Rds",
    "ResponseMapper",
    "Router",
    "ScopedRds",
    "ScopedRoutes",
]
