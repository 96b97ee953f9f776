"""The commands: run, serve, translate, status, certgen, demo-backend, version."""
