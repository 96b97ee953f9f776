"""Routes of every kind, judged: where each attaches, what its rules say, which backends they name.

Read `attachment` first, then `http_route`, with `http_match`, `http_filter` (`cors`, `mirror`, `external_auth`),
`http_retry` and `session` for the parts of a rule and `size` for what all of them come to; `grpc_route` and `l4_route`
are the same for other traffic. `backend` is a rule's reference to one; `claims` says whose a place is that only one
route can have. Of its neighbours it imports `gateways` alone.
"""
