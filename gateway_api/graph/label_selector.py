"""LabelSelector + labels → selected or not. Spec: Kubernetes meta/v1 LabelSelector."""

from gateway_api.graph.lookup import Lookup
from k8s_watch.objects.gateway import RouteNamespaces
from k8s_watch.objects.meta import LabelSelector, LabelSelectorRequirement

OPERATORS = frozenset({"In", "NotIn", "Exists", "DoesNotExist"})


def is_valid(selector: LabelSelector) -> bool:
    """Whether every operator is known and has values exactly where it needs them.

    Spec: Kubernetes meta/v1 LabelSelectorRequirement
    """
    return all(
        need.operator in OPERATORS and bool(need.values) == (need.operator in ("In", "NotIn"))
        for need in selector.match_expressions
    )


def selects(selector: LabelSelector, labels: Lookup[str, str]) -> bool:
    """Whether all requirements hold; an unknown operator never does.

    Spec: Kubernetes meta/v1 LabelSelector
    """
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(need, labels) for need in selector.match_expressions
    )


def allows(namespaces: RouteNamespaces, home: str, namespace: str, labels: Lookup[str, str]) -> bool:
    """Whether an object in namespace `home` that opens itself to `namespaces` lets in those of `namespace`.

    `labels` are those of `namespace`. A word that nobody knows, or no selector where one is needed, lets nobody in.

    Spec: Gateway API v1.6 RouteNamespaces, ListenerNamespaces
    """
    match namespaces:
        case RouteNamespaces(from_="All"):
            return True
        case RouteNamespaces(from_="Same"):
            return namespace == home
        case RouteNamespaces(from_="Selector", selector=selector) if selector is not None:
            return selects(selector, labels)
        case _:
            return False


def _holds(need: LabelSelectorRequirement, labels: Lookup[str, str]) -> bool:
    match need.operator:
        case "In":
            return labels.get(need.key) in need.values
        case "NotIn":
            return labels.get(need.key) not in need.values
        case "Exists":
            return need.key in labels
        case "DoesNotExist":
            return need.key not in labels
        case _:
            return False
