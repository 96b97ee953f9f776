"""ir.RouteTable with scoping → ScopedRouteConfigurations, and how a request finds its own.

A proxy that gets a route table anew builds all of it, 120 ms for 10,000 hostnames. So each exact hostname has a table
of its own, a scope, which costs the proxy 1 ms to change whatever the others are. A request chooses its scope by a
header that the listener writes before anything else, from the request's Host:

    a plain host           `<table>/<host>`, without its port; no such scope, no such host: 404
    below a wildcard       `<table>/*.<domain>`, which has the wildcard and every host below it
    any other spelling     `<table>/~`, the table as a whole, as RDS has it; fetched for the first such request

Envoy compares hosts without regard to case, scopes with it, and can lower neither: hence the last. Each of the three
holds all that a request of its kind may match, so the answer is the whole table's.

A host below a wildcard has a scope of its own too: connections from before the wildcard look for it there. And a
wildcard shares its scope with no other, for connections from before that one went: they find in it what they found.

Spec: Envoy v1.40 config.route.v3.ScopedRouteConfiguration, "HTTP route scopes"
"""

from collections.abc import Iterable, Iterator

from gateway_api.ir import xds as ir
from protos import core, http
from protos.encode import as_field, encode, pack
from protos.route import ScopedRouteConfiguration
from xds_server.snapshot.resource import Reference, Resource, ResourceType, make_resource
from xds_server.snapshot.scope_names import WHOLE, scope_name
from xds_server.translate.route_table import EncodedHost, frame, virtual_host
from xds_server.translate.sources import ADS_WITHOUT_LIMIT

HEADER = "x-lychgate-scope"
"""Ours alone: overwritten when a request comes in, removed before it goes on."""


def scopes(of: ir.RouteTable) -> Iterator[Resource]:
    """Every scope of a table; none for a table without scoping."""
    if of.scoping is None:
        return
    encoded = {host.hostname: virtual_host(host) for host in of.virtual_hosts}
    yield whole_scope(of.name)
    yield from (host_scope(of.name, name, host) for name, host in encoded.items() if not is_wildcard(name))
    for wildcard in of.scoping.wildcards:
        below = (host for name, host in sorted(encoded.items()) if is_below(name, wildcard))
        yield wildcard_scope(of.name, wildcard, below)


def host_scope(table: str, hostname: str, host: EncodedHost) -> Resource:
    """The scope of one exact hostname."""
    return _scope(scope_name(table, hostname), (host,), ((ResourceType.SCOPED_ROUTE, scope_name(table, WHOLE)),))


def wildcard_scope(table: str, wildcard: str, hosts: Iterable[EncodedHost]) -> Resource:
    """The scope of all hostnames below a wildcard, in order of their names."""
    return _scope(scope_name(table, wildcard), tuple(hosts), ())


def whole_scope(table: str) -> Resource:
    """The scope that is the whole table."""
    name = scope_name(table, WHOLE)
    message = ScopedRouteConfiguration(name=name, key=_key(name), route_configuration_name=table, on_demand=True)
    return make_resource(name, encode(message), ((ResourceType.ROUTE, table),))


def is_wildcard(hostname: str) -> bool:
    """Whether it is not the name of one host."""
    return hostname.startswith("*")


def is_below(hostname: str, wildcard: str) -> bool:
    """Whether it is in the scope of a wildcard, of those that are scoped; so is the wildcard itself."""
    return hostname.endswith(wildcard.removeprefix("*"))


def _scope(name: str, hosts: tuple[EncodedHost, ...], beside: Iterable[Reference]) -> Resource:
    scope = ScopedRouteConfiguration(name=name, key=_key(name))
    body = b"".join([frame(name), *(host.field for host in hosts)])
    named = sorted({reference for host in hosts for reference in host.depends_on}.union(beside))
    return make_resource(name, encode(scope) + as_field(ROUTE_CONFIGURATION, body), named)


ROUTE_CONFIGURATION = ScopedRouteConfiguration.ROUTE_CONFIGURATION_FIELD_NUMBER


def _key(name: str) -> ScopedRouteConfiguration.Key:
    return ScopedRouteConfiguration.Key(fragments=[ScopedRouteConfiguration.Key.Fragment(string_key=name)])


# --- the listener's side ----------------------------------------------------------------------------------------------


def scoped_routes(table: str) -> http.ScopedRoutes:
    """Look a request's scope up by `HEADER`, up to the port that may end it.

    Every listener names the same source, so they share one subscription: each scope is there once.
    """
    builder = http.ScopedRoutes.ScopeKeyBuilder
    extractor = builder.FragmentBuilder.HeaderValueExtractor(name=HEADER, element_separator=":", index=0)
    return http.ScopedRoutes(
        name=table,
        scope_key_builder=builder(fragments=[builder.FragmentBuilder(header_value_extractor=extractor)]),
        rds_config_source=ADS_WITHOUT_LIMIT,
        scoped_rds=http.ScopedRds(scoped_rds_config_source=ADS_WITHOUT_LIMIT),
    )


def name_scope(table: str, scoping: ir.Scoping) -> core.TypedExtensionConfig:
    """Write into `HEADER` which scope a request belongs to, whatever the client wrote there.

    Spec: Envoy v1.40 extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    """
    value = core.HeaderValue(key=HEADER, value=scope_name(table, f"%CEL({_classification(scoping)})%"))
    option = core.HeaderValueOption(header=value, append_action=core.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
    mutation = http.EarlyHeaderMutation(mutations=[http.HeaderMutation(append=option)])
    return core.TypedExtensionConfig(
        name="envoy.http.early_header_mutation.header_mutation", typed_config=pack(mutation)
    )


def _classification(scoping: ir.Scoping) -> str:
    """A host that is lower-case and has one colon at most stands for itself, unless it is below a wildcard. None stands
    for a wildcard.

    Envoy holds a regex to a hundred instructions here, which is less than a long hostname takes.
    """
    scope = "request.host"
    for wildcard in scoping.wildcards:
        suffix = wildcard.removeprefix("*")
        below = f"request.host.endsWith('{suffix}') || request.host.contains('{suffix}:')"
        scope = f"({below} ? '{wildcard}' : {scope})"
    return f"request.host.matches('^[^A-Z:*]*(:[^:]*)?$') ? {scope} : '{WHOLE}'"


def named_scopes(of: ir.HttpChain) -> Iterator[Reference]:
    """The scopes without which a listener must not choose by scope."""
    if of.scoping:
        for name in (WHOLE, *of.scoping.wildcards):
            yield ResourceType.SCOPED_ROUTE, scope_name(of.route_table, name)


def _fetch_on_demand() -> http.HttpFilter:
    return http.HttpFilter(name="envoy.filters.http.on_demand", typed_config=pack(http.OnDemand()))


def _forget_scope() -> http.HttpFilter:
    mutations = http.Mutations(request_mutations=[http.HeaderMutation(remove=HEADER)])
    return http.HttpFilter(
        name="envoy.filters.http.header_mutation", typed_config=pack(http.HeaderMutationFilter(mutations=mutations))
    )


FETCH_ON_DEMAND = _fetch_on_demand()
"""The first filter: fetches the table behind the scope `WHOLE` when a request needs it, and holds the request."""

FORGET_SCOPE = _forget_scope()
"""The last filter before the router: what was chosen is chosen, and no backend is to see how."""
