"""IR → Resource: each function's only argument is its memo key. Pure; encodes each resource once.

`assemble.assemble`, the definition, turns one Gateway's IR and endpoints into the Snapshot that its proxies get;
`keeper` arrives at the same at the cost of what changes (`table_keeper`, `scope_keeper`, `fields`). Beside them, one
module per kind of resource (`cluster`, `endpoint`, `secret`, `listener`, `route_table`, `scope`) and per message that
is in one: in a listener `filter_chain`, `connection_manager` and `datagrams`, in a table `route`, with `route_match`
and `retry`. What comes out is deterministic: equal records give equal bytes, on every replica.

Records are trusted to be valid: what a user may get wrong is found, and told, in the graph. Where a value would still
make Envoy refuse a whole resource, translation keeps the resource acceptable (see `header_mods` and `path`).
"""
