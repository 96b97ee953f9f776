"""ClusterSnapshot → Graph: every reference resolved, every route attached, every object judged.

Where things are:

* the order of it all: `build` (the definition), `keeper` (the same, incrementally), `judges`, `types`; what moved: `news`,
  `readers`, `lookup`, `change`, `tally`;
* tables to which a new kind is added: `route_kinds`, `policy_kinds`;
* Gateways: `gateway_class`, `gateway`, `listener*`, `client_validation`, `certificate`, `ca_certificates`;
* routes: `attachment`, `http_*`, `grpc_*`, `l4_route`, `claims`, `precedence`; their filters: `cors`, `mirror`, `session`,
  `external_auth`;
* backends and what is said of them: `backend`, `external_backend`, `backend_t*`, `policy*`;
* for all: `reference_grant` (the one door to referred objects), `problems` (the catalogue of users' errors), `hostnames`.
"""
