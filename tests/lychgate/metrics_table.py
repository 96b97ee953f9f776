"""The rows of docs/metrics.md, as the code has them: all but the last column."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry


def rows(registry: CollectorRegistry) -> Iterator[str]:
    """The beginning of a line for each metric of ours: name as it is queried, type, labels, meaning."""
    for collector in registry._collector_to_names:
        own = getattr(collector, "_labelnames", ())
        for family in collector.collect():
            if family.name.startswith("lychgate_"):
                name = family.name + ("_total" if family.type == "counter" else "")
                labels = ", ".join(f"`{label}`" for label in own or getattr(family, "_labelnames", ()))
                yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
