"""Graph → IR: from what the user meant to what a proxy must do. Pure, and total: nothing here is judged any more.

Read `gateway` first, the definition: a Gateway has `ports`, and how each is served is `listeners`, with `route_tables`
(`http_rules`, `matches`, `filters`, `backends`, `session`, `external_auth`) for requests and `l4_routes` for bytes;
which tables choose by scope is `scoping`. `keeper` arrives at the same at the cost of what changes (`table_keeper`,
`held`, `renewal`). Beside them `infra`, what must run; and `endpoints`, which have a road of their own, past the graph.
"""
