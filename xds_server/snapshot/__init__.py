"""Encoded resources, grouped into one consistent whole for each Gateway's proxies, and the cache that holds them."""
