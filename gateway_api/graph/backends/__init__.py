"""What is said of backends, and not by a route: BackendTLSPolicy, XBackendTrafficPolicy, XBackend, judged.

Each has a row in `policy_kinds`. Of its neighbours it imports `routes` alone, for what both can say: sessions.
"""
