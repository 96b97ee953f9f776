"""What we applied against what is there: does an object still need an apply? Pure.

Two questions answer it. The digest of the manifest, kept in an annotation, tells what *we* changed, removals included,
also after a restart of ours. The comparison field by field tells what *others* changed of what we want.
"""

import hashlib
from typing import Any

import msgspec

from k8s_apply.api import Json

DIGEST = "lychgate/applied"

MERGED_BY = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath"}
"""Lists in which others may have items of their own, and by what the API server tells items apart. It tells ports apart
too, but nothing may be open that no listener asked for, so those are compared as a whole.

Spec: Kubernetes API, `x-kubernetes-list-map-keys` of PodSpec and Container
"""


def stamp(manifest: Json) -> Json:
    """The manifest with its own digest as an annotation."""
    digest = hashlib.sha256(msgspec.json.encode(manifest, order="sorted")).hexdigest()[:16]
    meta = manifest["metadata"]
    return manifest | {"metadata": meta | {"annotations": meta.get("annotations", {}) | {DIGEST: digest}}}


def in_place(live: Json, stamped: Json) -> bool:
    """Whether applying the stamped manifest would change nothing: the same digest, and every field as we want it.

    Fields and items that we do not mention are others' (defaults, a node port, an autoscaler's replicas, a sidecar) and
    do not matter, but for ports.
    """
    annotations = live.get("metadata", {}).get("annotations") or {}
    same = annotations.get(DIGEST) == stamped["metadata"]["annotations"][DIGEST]
    wanted = {name: value for name, value in stamped.items() if name not in ("apiVersion", "kind")}
    return same and _covers(live, wanted)


def _covers(live: Any, wanted: Any, name: str = "") -> bool:
    """`name` is the field in which both are."""
    match wanted:
        case dict():
            if not live:
                return not wanted
            return isinstance(live, dict) and all(_covers(live.get(key), value, key) for key, value in wanted.items())
        case list():
            if not live:
                return not wanted
            if key := MERGED_BY.get(name):
                items = {item.get(key): item for item in live}
                return all(_covers(items.get(item[key]), item) for item in wanted)
            return (
                isinstance(live, list)
                and len(live) == len(wanted)
                and all(_covers(a, b) for a, b in zip(live, wanted, strict=True))
            )
        case _:
            return bool(live == wanted)
