"""Where a proxy gets the resources that another resource names: over the stream it already has."""

from protos import core
from protos.values import seconds

ADS = core.ConfigSource(ads=core.AggregatedConfigSource(), resource_api_version=core.ApiVersion.V3)
"""On the aggregated stream; what waits for it gives up after Envoy's 15 s and goes on without."""

ADS_WITHOUT_LIMIT = core.ConfigSource(
    ads=core.AggregatedConfigSource(), resource_api_version=core.ApiVersion.V3, initial_fetch_timeout=seconds(0)
)
"""As `ADS`, but waits for ever: what was there before keeps serving until the answer comes."""
