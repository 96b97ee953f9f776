"""Objects → calls of the API server as the cluster's administrator, and watches back."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote

from tests.lab import pki
from tests.lab.places import NODE_ADDRESS

type Json = dict[str, Any]

PATHS = {
    "Namespace": ("/api/v1", "namespaces", False),
    "Service": ("/api/v1", "services", True),
    "Secret": ("/api/v1", "secrets", True),
    "Pod": ("/api/v1", "pods", True),
    "ResourceQuota": ("/api/v1", "resourcequotas", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices", True),
    "GatewayClass": ("/apis/gateway.networking.k8s.io/v1", "gatewayclasses", False),
    "Gateway": ("/apis/gateway.networking.k8s.io/v1", "gateways", True),
    "HTTPRoute": ("/apis/gateway.networking.k8s.io/v1", "httproutes", True),
}
"""Kind → group path, plural, whether it lives in a namespace."""

WORKERS = 8


class ApiError(Exception):
    """The API server said no. The text is what it said."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Api:
    """One connection a thread. Safe to share."""

    def __init__(self) -> None:
        self._tls = ssl.create_default_context(cafile=str(pki.certificate("ca")))
        self._tls.load_cert_chain(pki.certificate("admin"), pki.key("admin"))
        self._local = threading.local()

    def apply(self, document: Json) -> Json:
        """Create the object or make it so, server-side."""
        path = f"{path_of(document)}?fieldManager=bench&force=true"
        return self._call("PATCH", path, document, "application/apply-patch+yaml")

    def create(self, document: Json) -> Json:
        """Create the object, which is not there yet."""
        return self._call("POST", path_of(document).rpartition("/")[0], document)

    def patch(self, kind: str, name: str, document: Json, *, namespace: str | None = None) -> Json:
        """Merge `document` into the object."""
        return self._call("PATCH", path(kind, name, namespace), document, "application/merge-patch+json")

    def get(self, kind: str, name: str, *, namespace: str | None = None) -> Json:
        """The object. Raises ApiError."""
        return self._call("GET", path(kind, name, namespace))

    def list(self, kind: str, *, namespace: str | None = None, labels: str = "") -> list[Json]:
        """Objects of a kind."""
        items: list[Json] = self._call("GET", f"{path(kind, '', namespace)}?labelSelector={quote(labels)}")["items"]
        return items

    def delete(self, kind: str, name: str = "", *, namespace: str | None = None, labels: str = "") -> None:
        """Delete one object, or with an empty name all that carry `labels`; absent is fine."""
        while True:
            try:
                self._call("DELETE", f"{path(kind, name, namespace)}?labelSelector={quote(labels)}")
            except ApiError as error:
                if error.status == 504:  # so many that the server ran out of its minute: on with the rest
                    continue
                if error.status != 404:
                    raise
            return

    def apply_all(self, documents: Iterable[Json], *, rate: float | None = None) -> None:
        """Apply many, with several connections; `rate` is the number a second at most."""
        self._all(self.apply, documents, rate)

    def create_all(self, documents: Iterable[Json], *, rate: float | None = None) -> None:
        """As `apply_all`, for objects that are not there yet: cheaper for the API server."""
        self._all(self.create, documents, rate)

    @contextmanager
    def watching(self, kind: str, heard: Callable[[str, Json], None], *, namespace: str) -> Iterator[None]:
        """Call `heard(event type, object)` in a thread for every event from now on, while the block lasts."""
        version = self._call("GET", f"{path(kind, '', namespace)}?limit=1")["metadata"]["resourceVersion"]
        connection, ended = self._connect(), threading.Event()

        def follow() -> None:
            nonlocal version
            while not ended.is_set():  # the server ends the watch of who reads too slowly: it is resumed
                with suppress(OSError, HTTPException, ValueError):
                    connection.request("GET", f"{path(kind, '', namespace)}?watch=1&resourceVersion={version}")
                    for line in connection.getresponse():
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            raise RuntimeError(f"watch of {kind}: {event['object']}")
                        version = event["object"]["metadata"]["resourceVersion"]
                        heard(event["type"], event["object"])
                connection.close()

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            if connection.sock:
                connection.sock.shutdown(2)
            thread.join(5)

    def _all(self, call: Callable[[Json], Json], documents: Iterable[Json], rate: float | None) -> None:
        start = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as pool:
            calls = []
            for number, document in enumerate(documents):
                if rate:
                    time.sleep(max(0.0, start + number / rate - time.perf_counter()))
                calls.append(pool.submit(call, document))
            for done in calls:
                done.result()

    def _connect(self) -> HTTPSConnection:
        return HTTPSConnection(NODE_ADDRESS, 6443, context=self._tls, timeout=600)

    def _call(self, method: str, path: str, body: Json | None = None, media: str = "application/json") -> Json:
        for last in (False, True):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
            try:
                connection.request(
                    method, path, json.dumps(body) if body is not None else None, {"Content-Type": media}
                )
                response = connection.getresponse()
                text = response.read()
                break
            except (OSError, HTTPException):
                self._local.connection = None
                if last:
                    raise
        if response.status >= 300:
            raise ApiError(response.status, text.decode(errors="replace"))
        answer: Json = json.loads(text)
        return answer


def path(kind: str, name: str = "", namespace: str | None = None) -> str:
    """The path of an object, or of a collection when `name` is empty."""
    group, plural, namespaced = PATHS[kind]
    middle = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"{group}{middle}/{plural}" + (f"/{name}" if name else "")


def path_of(document: Json) -> str:
    """The path of this object."""
    metadata = document["metadata"]
    return path(document["kind"], metadata["name"], metadata.get("namespace"))
