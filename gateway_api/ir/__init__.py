"""Types only: what a proxy must do (`xds`), what must run (`infra`), what the data plane answers (`fleet`).

No Kubernetes object, no Envoy message, no I/O. This is the vocabulary that `xds_server` and `k8s_apply` share with us.
"""
