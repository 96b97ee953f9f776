"""What a proxy must do (`xds`), what must run (`infra`), what the data plane answers (`fleet`); and what both ends of a
proxy have to agree on (`identity`, `pod`).

No Kubernetes object, no Envoy message, no I/O. This is the vocabulary that `xds_server` and `k8s_apply` share with us.
"""
