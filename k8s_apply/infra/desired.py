"""InfraIR → the manifests that we own. Pure."""
