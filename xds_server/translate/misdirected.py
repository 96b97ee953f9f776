"""Closes a connection that brings what has become another listener's.

A request for another listener's hostname is answered 421: its client takes another connection, if it knows that much.
Most come from browsers, over a connection that they made for some other hostname. But a listener that is new, below the
wildcard of one that serves, also leaves connections behind that were made for its own hostname. A client that keeps one
of those would get nothing but 421 for as long as it keeps it; closed with the first, it comes to the new listener.

Only Lua can have Envoy end a connection with an answer (ADR 13).
"""

from protos import core, http
from protos.encode import pack
from xds_server.translate import grpc_web
from xds_server.translate.composite import put

PLACE = grpc_web.FILTER
"""Where the filter stands: routes that forward nothing have no use for it."""

SCRIPT = """
function envoy_on_request(handle)
  local info = handle:streamInfo()
  local host = (handle:headers():get(":authority") or ""):gsub(":%d*$", "")
  if host:lower() == info:requestedServerName() then
    info:drainConnectionUponCompletion()
  end
end
"""

CLOSE_IF_MADE_FOR_THIS_HOST = put(
    core.TypedExtensionConfig(
        name="envoy.filters.http.lua",
        typed_config=pack(http.Lua(default_source_code=core.DataSource(inline_string=SCRIPT))),
    )
)
