"""Statuses → status subresources; InfraIR → Deployments, Services …, or local Envoy processes; Graph → finalizers.

The write edge. In a cluster only the leader writes; standalone, statuses go to a local file and proxies are children.
"""
