"""Async building blocks without a domain word: newest-value mailboxes, races, hold-off, backoff, clock, attempts.

Imports nothing of ours; everything here is for one event loop and is not thread-safe.
"""
