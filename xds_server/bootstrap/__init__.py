"""The bootstrap that an Envoy of ours starts with, in a pod or on this machine."""
