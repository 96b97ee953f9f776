"""What scoped routes are called: who translates puts the names together, who sends takes them apart.

A name is also the key by which a request finds its scope.
"""

WHOLE = "~"
"""Of the scope that is a whole table. No host is spelled like it."""


def scope_name(table: str, of: str) -> str:
    """Return the name of a table's scope. `of` is a hostname or `WHOLE`."""
    return f"{table}/{of}"


def table_of(name: str) -> str:
    """Return the table that a scope is of."""
    return name.rpartition("/")[0]


def is_whole(name: str) -> bool:
    """Whether a scope is a whole table."""
    return name.endswith(f"/{WHOLE}")
