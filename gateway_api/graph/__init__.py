"""ClusterSnapshot → Graph: every reference resolved, every route attached, every object judged.

From the one Graph come both the proxies' configuration (`lowering`) and the statuses (`status`), so that the two cannot
disagree. One file a concept. Must not read EndpointSlices, ConfigMaps' or Secrets' content beyond what is referenced.
"""
