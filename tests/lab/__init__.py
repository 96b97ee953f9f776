"""A machine → a real single-node Kubernetes on it, without Docker and without internet.

etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet (on containerd, runc and a CNI bridge),
kube-proxy (nftables), CoreDNS and an assigner of LoadBalancer addresses run in one network namespace of their own. Pods
are real containers with addresses of their own, Services work, LoadBalancer Services get an address, and no packet
leaves the machine. Needs Linux, root, Go and the Debian packages of `tests.lab.tools`.

The project that is tested here is never imported here: the lab only sees its wheel, its manifests and its images.
"""
