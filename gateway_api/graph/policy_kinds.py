"""The kinds of policy, and XBackend, which is its own target: who judges each. A new kind is a line here, and its
objects in `k8s_watch`."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway_api.graph.backends.backend_tls import judge_backend_tls_policy
from gateway_api.graph.backends.backend_traffic import judge_backend_traffic_policy
from gateway_api.graph.backends.external_backend import judge_external_backend
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import GraphSettings, JudgedPolicy

JUDGES: Mapping[str, Callable[[Any, Resolver, GraphSettings], JudgedPolicy[Any]]] = {
    "BackendTLSPolicy": judge_backend_tls_policy,
    "XBackend": judge_external_backend,
    "XBackendTrafficPolicy": lambda policy, _, __: judge_backend_traffic_policy(policy),
}
"""The object, what it refers to, our surroundings → what it says of each object that it targets."""
