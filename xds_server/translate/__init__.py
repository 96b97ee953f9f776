"""IR → Resource: each function's only argument is its memo key. Pure; encodes each resource once.

`assemble.assemble` turns one Gateway's IR and endpoints into the Snapshot that its proxies get; beside it, one module
per kind of resource. What comes out is deterministic: equal records give equal bytes, on every replica.

Records are trusted to be valid: what a user may get wrong is found, and told, in the graph. Where a value would still
make Envoy refuse a whole resource, translation keeps the resource acceptable (see `header_mods` and `path`).
"""
