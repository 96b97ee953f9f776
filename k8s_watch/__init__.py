"""Kubernetes API or a folder of YAML → ClusterSnapshot: the objects, typed, frozen, and what changed.

Nothing here knows what a Gateway means. Objects that cannot be decoded are reported and skipped; a snapshot is
published only once every kind that the source serves has been listed.
"""
