"""A watched object → the JSON that `status_merge` reads, without asking the API server."""

import msgspec

from gateway_api.status.types import StatusKey
from k8s_apply.api import Json
from k8s_watch.snapshot import ClusterSnapshot, objects_of


def watched(cluster: ClusterSnapshot, of: StatusKey) -> Json | None:
    """The object's name, uid, resourceVersion and status; None when it is not in the snapshot.

    Only what we decode is in it: enough to compare with, and to write where no entry is anybody else's.
    """
    found = objects_of(cluster, of.kind).get(of.key)
    if found is None:
        return None
    meta = (
        {"name": found.metadata.name, "namespace": found.metadata.namespace}
        if of.key.namespace
        else {"name": of.key.name}
    )
    meta |= {"uid": found.metadata.uid, "resourceVersion": found.metadata.resource_version}
    # By way of the text: our tuples become JSON's lists, which is what they are compared with.
    return {"metadata": meta, "status": msgspec.json.decode(msgspec.json.encode(found.status))}
