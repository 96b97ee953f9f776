"""Async building blocks without a domain word: newest-value mailboxes, hold-off, backoff, clock, isolated attempts.

Imports nothing of ours; everything here is for one event loop and is not thread-safe.
"""
