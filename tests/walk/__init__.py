"""The tutorial's walk in a real cluster: kubectl and curl, and nothing of ours on the client side."""
