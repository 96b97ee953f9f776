"""The number of a Gateway's proxies, where it is others' to choose: how we let go of it, and it stays. Pure.

Server-side apply takes away what its manager alone owned and names no more, and a Deployment without a number gets 1.
So before a manifest without the number goes over one that had it, a second manager of ours takes the number as it is.
It is used for nothing else: whoever scales the Deployment then owns the number, and nothing of ours writes it again.

Spec: Kubernetes API concepts, "Server-Side Apply", transferring ownership
"""

from k8s_apply.api import Json
from k8s_apply.infra.settings import FIELD_MANAGER
from k8s_watch.kinds import DEPLOYMENT

REPLICAS_MANAGER = "lychgate-replicas"


def handover(live: Json, manifest: Json) -> Json | None:
    """What `REPLICAS_MANAGER` must apply before the manifest is applied over `live`; None when there is no need.

    It names the version of `live`, so that whoever scales the Deployment at the same moment wins.
    """
    if manifest["kind"] != DEPLOYMENT.name or "replicas" in manifest["spec"] or not _is_owned(live["metadata"]):
        return None
    meta = {name: live["metadata"][name] for name in ("name", "namespace", "resourceVersion")}
    spec = {"replicas": live["spec"]["replicas"]}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": meta, "spec": spec}


def _is_owned(meta: Json) -> bool:
    """Whether an apply of ours, or of Envoy Gateway, whose manager has the same name, was the last to say a number."""
    return any(
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", {})
        for entry in meta.get("managedFields") or ()
    )
