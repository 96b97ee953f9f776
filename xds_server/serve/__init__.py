"""The gRPC shell: ADS and per-type services, who a client is, what the fleet has acknowledged, draining."""
