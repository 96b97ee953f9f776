"""Logs, metrics, health: what an operator sees of us."""
