"""gRPC-Web → gRPC, for the routes of gRPC.

Browsers cannot speak gRPC itself. Envoy's filter goes by a request's content type alone and would translate for
backends of HTTPRoutes that understand gRPC-Web themselves, so only routes of gRPC put it into its place.

Spec: Envoy v1.40 extensions.filters.http.grpc_web.v3.GrpcWeb
"""

from protos import core, http
from protos.encode import pack
from xds_server.translate.composite import place, put

FILTER = "grpc-web"

GRPC_WEB = place(FILTER)

TRANSLATE = put(core.TypedExtensionConfig(name="envoy.filters.http.grpc_web", typed_config=pack(http.GrpcWeb())))
"""For a route's requests of gRPC-Web; its others pass."""
