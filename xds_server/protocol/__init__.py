"""The xDS protocol without I/O: requests in, decisions and responses out, for state-of-the-world and delta alike."""
