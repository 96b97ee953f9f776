"""A watched object → the JSON that `status_merge` reads, without asking the API server."""

import msgspec

from k8s_apply.api import Json
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.gateway import Gateway, GatewayClass, ListenerSet
from k8s_watch.objects.policies import Policy
from k8s_watch.objects.routes import Route

type Reported = GatewayClass | Gateway | ListenerSet | Route | Policy | XBackend
"""A kind of `k8s_apply.kinds.STATUS`."""


def watched(found: Reported) -> Json:
    """The object's name, uid, resourceVersion and status.

    Only what we decode is in it: enough to compare with, and to write where no entry is anybody else's.
    """
    of = found.metadata
    meta = {"name": of.name, "namespace": of.namespace} if of.namespace else {"name": of.name}
    meta |= {"uid": of.uid, "resourceVersion": of.resource_version}
    # By way of the text: our tuples become JSON's lists, which is what they are compared with.
    return {"metadata": meta, "status": msgspec.json.decode(msgspec.json.encode(found.status))}
