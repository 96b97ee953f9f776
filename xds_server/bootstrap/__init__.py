"""The bootstrap that an Envoy of ours starts with: `pod` in a cluster, `local` on this machine.

A bootstrap never depends on listeners, routes or backends: what changes at run time comes over xDS. All texts are JSON,
which is YAML too.
"""
