"""InfraIR → what must run: manifests in a cluster, processes on this machine; applied, observed, pruned."""
