"""The commands: run, serve, translate, status, certgen, version."""
