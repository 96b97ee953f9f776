"""One JSON line per request or connection, on the proxy's standard output.

The fields are Envoy Gateway's, so that dashboards built on them keep working. JSON and not text: a header that a client
sends cannot forge a line.
"""

from google.protobuf.struct_pb2 import Struct

from protos import accesslog as pb
from protos import core
from protos.encode import pack

FIELDS = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "x-envoy-origin-path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "x-envoy-upstream-service-time": "%COMMON_DURATION(US_TX_END:US_RX_BEG:ms)%",
    "x-forwarded-for": "%REQ(X-FORWARDED-FOR)%",
    "user-agent": "%REQ(USER-AGENT)%",
    "x-request-id": "%REQ(X-REQUEST-ID)%",
    ":authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "route_name": "%ROUTE_NAME%",
}
"""JSON key → Envoy's format command. Spec: Envoy v1.40, "Access logging", "Command operators"."""


def _stdout() -> pb.AccessLog:
    fields = Struct()
    fields.update(FIELDS)
    config = pb.StdoutAccessLog(log_format=core.SubstitutionFormatString(json_format=fields))
    return pb.AccessLog(name="envoy.access_loggers.stdout", typed_config=pack(config))


STDOUT = _stdout()


def _without_filter_chain() -> pb.AccessLog:
    result = pb.AccessLog()
    result.CopyFrom(STDOUT)
    result.filter.response_flag_filter.flags.append("NR")
    return result


WITHOUT_FILTER_CHAIN = _without_filter_chain()
"""Only connections that no filter chain took: for the listener itself, whose chains log the rest."""
