"""Services of type LoadBalancer → an address each in their status. kube-proxy does the rest.

Runs as a process of the lab. A Service keeps its address until it wants another one or is deleted.
`spec.loadBalancerIP` is granted when it is in our range and free; a Service that wants another one goes without.
"""

import ipaddress
import json
import logging
import ssl
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import Any

from tests.lab.pki import certificate, key
from tests.lab.places import LOADBALANCER_NETWORK, NODE_ADDRESS

log = logging.getLogger("loadbalancer")

type Json = dict[str, Any]

NETWORK = ipaddress.ip_network(LOADBALANCER_NETWORK)
WATCH_SECONDS = 300
RETRY_SECONDS = 1.0
FIRST_HOST = 10
"""Addresses below are left for tests that want one of their own choice."""


class Api:
    """The few calls that this needs, as the cluster's administrator."""

    def __init__(self) -> None:
        self._tls = ssl.create_default_context(cafile=str(certificate("ca")))
        self._tls.load_cert_chain(certificate("admin"), key("admin"))

    def services(self) -> tuple[list[Json], str]:
        """Return all Services and the resourceVersion to watch from."""
        answer = json.load(self._request("GET", "/api/v1/services"))
        return answer["items"], answer["metadata"]["resourceVersion"]

    def watch_services(self, resource_version: str) -> Iterator[Json]:
        """Yield watch events until the server ends the watch."""
        query = f"watch=1&resourceVersion={resource_version}&timeoutSeconds={WATCH_SECONDS}"
        yield from map(json.loads, self._request("GET", f"/api/v1/services?{query}"))

    def set_address(self, namespace: str, name: str, address: str | None) -> None:
        ingress = [{"ip": address, "ipMode": "VIP"}] if address else []
        path = f"/api/v1/namespaces/{namespace}/services/{name}/status"
        self._request("PATCH", path, {"status": {"loadBalancer": {"ingress": ingress}}}).read()

    def _request(self, method: str, path: str, body: Json | None = None) -> HTTPResponse:
        request = urllib.request.Request(
            f"https://{NODE_ADDRESS}:6443{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/merge-patch+json"},
        )
        response: HTTPResponse = urllib.request.urlopen(request, context=self._tls, timeout=WATCH_SECONDS + 30)
        return response


class Addresses:
    """The pool, and who holds what."""

    def __init__(self) -> None:
        self._offered = [str(host) for host in NETWORK.hosts()][FIRST_HOST - 1 :]
        self._held: dict[str, str] = {}

    def take(self, owner: str, wanted: str | None) -> str | None:
        """Return the owner's address: the wanted one, else the one it holds, else the first that nobody holds.

        None when the wanted one is out of our range or somebody else's; what the owner held is free then.
        """
        held = self._held.pop(owner, None)
        taken = set(self._held.values())
        if wanted and (wanted in taken or ipaddress.ip_address(wanted) not in NETWORK):
            return None
        address = wanted or held or next(address for address in self._offered if address not in taken)
        self._held[owner] = address
        return address

    def note(self, owner: str, address: str) -> None:
        self._held[owner] = address

    def give_back(self, owner: str) -> None:
        self._held.pop(owner, None)


def serve() -> None:
    """Assign addresses until the process is ended; a lost connection starts over from a new list."""
    api, addresses = Api(), Addresses()
    while True:
        try:
            _follow(api, addresses)
        except (OSError, HTTPException, ValueError) as error:
            log.warning("starting over: %s", error)
            time.sleep(RETRY_SECONDS)


def _follow(api: Api, addresses: Addresses) -> None:
    services, resource_version = api.services()
    for service in services:
        _assign(api, addresses, service)
    for event in api.watch_services(resource_version):
        match event["type"]:
            case "ADDED" | "MODIFIED":
                _assign(api, addresses, event["object"])
            case "DELETED":
                addresses.give_back(_owner(event["object"]))


def _assign(api: Api, addresses: Addresses, service: Json) -> None:
    meta, spec = service["metadata"], service["spec"]
    if spec.get("type") != "LoadBalancer" or "deletionTimestamp" in meta:
        return
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress")
    given = ingress[0]["ip"] if ingress else None
    if given:
        addresses.note(_owner(service), given)
    address = addresses.take(_owner(service), spec.get("loadBalancerIP"))
    if address != given:
        api.set_address(meta["namespace"], meta["name"], address)


def _owner(service: Json) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"
