"""ClusterSnapshot → Graph: every reference resolved, every route attached, every object judged.

From the one Graph come both the proxies' configuration (`lowering`) and the statuses (`status`), so that the two cannot
disagree. One file a concept. Reads of ConfigMaps and Secrets only what is referenced, and of EndpointSlices only which
Services have an address (`occupied`).

* The order of it all: `build` (the definition), `incremental` (the same at the cost of what changed), `judges` (who is
  asked of what), `lookup` (how they see what is around), `types`, `change` (what differs between two graphs).
* Tables to which a new kind is added: `route_kinds`, `policy_kinds`.
* Judges: `gateways`, `routes`, `backends`, a folder each; each imports those before it and none after.
* Policies as such, whatever they say: `policy`.
* For all: `resolver` (the one door to referred objects), `reference_grant`, `references`, `problems` (the users'
  errors), `mentions` (names in their messages), `attached` (who is bound to whom), `forsaken` (whose status still names
  us), `certificate`, `ca_certificates`, `label_selector`, `precedence`, `hostnames`, `paths`, `durations`, `regex`,
  `occupied`, `written`, `mappings`.
"""
