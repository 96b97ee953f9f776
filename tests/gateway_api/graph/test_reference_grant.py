from gateway_api.graph.reference_grant import Grants, permissions
from gateway_api.graph.references import Referrer
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import GROUP, GrantFrom, GrantTo, ReferenceGrant, ReferenceGrantSpec
from k8s_watch.objects.meta import Meta

ROUTE = Referrer("HTTPRoute", "apps")
TARGET = ObjectKey("backends", "web")


def grants(
    *,
    namespace: str = "backends",
    kind: str = "HTTPRoute",
    from_: str = "apps",
    to_group: str = "",
    name: str | None = None,
) -> Grants:
    spec = ReferenceGrantSpec(
        from_=(GrantFrom(group=GROUP, kind=kind, namespace=from_),),
        to=(GrantTo(group=to_group, kind="Service", name=name),),
    )
    return Grants(permissions([ReferenceGrant(metadata=Meta(name="g", namespace=namespace), spec=spec)]))


def test_ones_own_namespace_needs_no_grant() -> None:
    assert Grants(()).allow(ROUTE, "Service", ObjectKey("apps", "web"))


def test_another_namespace_needs_one() -> None:
    assert not Grants(()).allow(ROUTE, "Service", TARGET)
    assert grants().allow(ROUTE, "Service", TARGET)


def test_a_grant_may_name_one_object() -> None:
    assert grants(name="web").allow(ROUTE, "Service", TARGET)
    assert not grants(name="mail").allow(ROUTE, "Service", TARGET)


def test_a_grant_counts_only_in_the_targets_namespace() -> None:
    assert not grants(namespace="apps").allow(ROUTE, "Service", TARGET)


def test_a_grant_counts_only_for_its_ends() -> None:
    assert not grants(kind="TCPRoute").allow(ROUTE, "Service", TARGET)
    assert not grants(from_="elsewhere").allow(ROUTE, "Service", TARGET)
    assert not grants(to_group="x.io").allow(ROUTE, "Service", TARGET)
    assert not grants().allow(ROUTE, "Secret", TARGET)
    assert not grants().allow(Referrer("HTTPRoute", "apps", group="x.io"), "Service", TARGET)
