"""InfraIR → the manifests of what must run in a cluster: applied, observed, pruned."""
