"""F3: the same thing changed a hundred times under load; what is not a right backend's 200 is counted."""

import base64
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from cryptography import x509

from bench.cluster.api import Json
from bench.cluster.load import under_load
from bench.cluster.objects import NAMESPACE, gateway, header, route, rule
from bench.cluster.run import Run, is_programmed, until
from bench.cluster.traffic import unverified
from tests.authority import Authority, Pem
from tests.lab import cluster as lab

HOST = "loss.example.com"
PAUSE = 0.2
"""Seconds from one change to the next."""
PODS_A_ROLLOUT = 4


@dataclass(frozen=True)
class Variant:
    """A change: `turn` makes iteration number n so; iteration 0 is where it starts."""

    name: str
    turn: Callable[[Run, int], None]
    paths: tuple[str, ...] = ("/=backend-a",)
    """Each with the Deployments that are right at all times."""
    tls: bool = False
    changes_a_turn: int = 1
    has_come: "Callable[[Run, int], bool] | None" = None
    """Whether iteration number n is what is served: the next one waits for it."""


def loss(run: Run, variant: Variant, iterations: int, rate: float) -> dict[str, Any]:
    """Change it so often under load; return the answers by status, and how many were lost."""
    variant.turn(run, 0)
    until(lambda: _answers(run, variant), patience=60)
    time.sleep(1)
    before = run.cpu()
    came: list[float] = []
    tls = ("--tls", "--port", "443", "--requests-a-connection", "20") if variant.tls else ()
    with under_load(run.address, HOST, variant.paths, rate, *tls) as load:
        time.sleep(1)
        for number in range(1, iterations // variant.changes_a_turn + 1):
            variant.turn(run, number)
            if variant.has_come:
                came.append(until(partial(variant.has_come, run, number), patience=30))
            time.sleep(PAUSE)
        time.sleep(2)
    cost = run.cpu() - before
    answers = load["answers"]
    _check_that_changes_still_arrive(run)
    return {
        "requests": sum(answers.values()),
        "lost": sum(answers.values()) - answers.get("200", 0),
        "answers": answers,
        "reopened": load["reopened"],
        "slowest_ms": round(load["slowest_ms"], 1),
        **({"seen_to_come": len(came), "came_slowest_ms": round(max(came) * 1000, 1)} if came else {}),
        "control_plane_cpu_s": round(cost.control_plane, 2),
    }


def _answers(run: Run, variant: Variant) -> bool:
    """Whether every path answers 200, asked the way the load asks."""
    command = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}\n", "-m", "2"]
    command += ["--resolve", f"{HOST}:443:{run.address}", "--resolve", f"{HOST}:80:{run.address}"]
    scheme = "https" if variant.tls else "http"
    for path in variant.paths:
        url = f"{scheme}://{HOST}{path.partition('=')[0]}"
        done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
        if done.stdout.strip() != "200":
            return False
    return True


def _check_that_changes_still_arrive(run: Run) -> None:
    """A control plane that had stopped listening would lose nothing: see one last change come through."""
    run.api.apply(route("loss", ["last." + HOST], rule("backend-a")))
    client = run.client()
    until(lambda: client.status("last." + HOST) == 200, patience=60)


def _route(run: Run, *rules: Json, hostnames: tuple[str, ...] = (HOST,)) -> None:
    run.api.apply(route("loss", list(hostnames), *rules))


def _port_flip(run: Run, turn: int) -> None:
    _route(run, rule("backend-a", port=(80, 8080)[turn % 2]))


def _filter_flip(run: Run, turn: int) -> None:
    changed = rule("backend-a")
    if turn % 2:
        changed["backendRefs"][0]["filters"] = [header("ResponseHeaderModifier", "x-flip")]
    _route(run, changed)


def _rule_reorder(run: Run, turn: int) -> None:
    rules = [rule("backend-a", prefix="/a"), rule("backend-b", prefix="/b"), rule("backend", prefix="/c")]
    shift = turn % len(rules)
    _route(run, *rules[shift:], *rules[:shift])


def _backend_swap(run: Run, turn: int) -> None:
    _route(run, rule(("backend-a", "backend-b")[turn % 2]))


def _weight_change(run: Run, turn: int) -> None:
    weighted = rule("backend-a")
    weighted["backendRefs"] = [
        {"name": "backend-a", "port": 80, "weight": (90, 50)[turn % 2]},
        {"name": "backend-b", "port": 80, "weight": (10, 50)[turn % 2]},
    ]
    _route(run, weighted)


def _hostname(run: Run, turn: int) -> None:
    _route(run, rule("backend-a"), hostnames=(HOST, "second." + HOST) if turn % 2 else (HOST,))


def _listener_beside(run: Run, turn: int) -> None:
    if turn == 0:
        _route(run, rule("backend-a"))
    beside = {"name": "beside", "port": 8081, "protocol": "HTTP"}
    http = {"name": "http", "port": 80, "protocol": "HTTP"}
    run.api.apply(gateway(run.system.gateway_class, http, *([beside] if turn % 2 else [])))


@cache
def _certificate(_number: int) -> Pem:
    """One of several; each has a serial number of its own."""
    return Authority().issue(x509.DNSName(HOST))


def _certificate_rotation(run: Run, turn: int) -> None:
    pem = _certificate(turn % 2)
    data = {"tls.crt": base64.b64encode(pem.certificate).decode(), "tls.key": base64.b64encode(pem.key).decode()}
    metadata = {"name": "loss", "namespace": NAMESPACE, "labels": {"bench": "world"}}
    run.api.apply(
        {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}
    )
    if turn == 0:
        https = {"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "loss"}]}}
        http = {"name": "http", "port": 80, "protocol": "HTTP"}
        run.api.apply(gateway(run.system.gateway_class, http, https))
        _route(run, rule("backend-a"))
        until(lambda: is_programmed(run.api), patience=60)


def _serves_certificate(run: Run, turn: int) -> bool:
    """Whether a new connection gets that iteration's certificate: both have serial numbers of their own."""
    served = None
    with (
        suppress(OSError),
        socket.create_connection((run.address, 443), timeout=5) as connection,
        unverified().wrap_socket(connection, server_hostname=HOST) as secured,
    ):
        served = secured.getpeercert(binary_form=True)
    wanted = x509.load_pem_x509_certificate(_certificate(turn % 2).certificate)
    return served is not None and x509.load_der_x509_certificate(served).serial_number == wanted.serial_number


def _rolling_backends(run: Run, turn: int) -> None:
    if turn == 0:
        _route(run, rule("backend-a"))
        lab.kubectl("scale", "-n", NAMESPACE, "deployment/backend-a", f"--replicas={PODS_A_ROLLOUT}")
    else:
        lab.kubectl("rollout", "restart", "-n", NAMESPACE, "deployment/backend-a")
    lab.kubectl("rollout", "status", "-n", NAMESPACE, "deployment/backend-a", "--timeout=120s")


EITHER = ("/=backend-a,backend-b",)

VARIANTS = (
    Variant("backend port flip", _port_flip),
    Variant("filter flip", _filter_flip),
    Variant("rule reorder", _rule_reorder, paths=("/a=backend-a", "/b=backend-b", "/c=backend")),
    Variant("backend swap", _backend_swap, paths=EITHER),
    Variant("weight change", _weight_change, paths=EITHER),
    Variant("hostname add and remove", _hostname),
    Variant("listener add beside", _listener_beside),
    Variant("rolling backends", _rolling_backends, changes_a_turn=PODS_A_ROLLOUT),
    Variant("certificate rotation", _certificate_rotation, tls=True, has_come=_serves_certificate),
)
"""In this order: the last one leaves a second listener behind."""


def losses(run: Run, iterations: int, rate: float) -> dict[str, Any]:
    """Every variant, one after the other; keys are `<variant>: <value>`."""
    values: dict[str, Any] = {"iterations": iterations, "rate": rate}
    sums, slowest = Counter[str](), 0.0
    for variant in VARIANTS:
        found = loss(run, variant, iterations, rate)
        run.say(f"    {variant.name}: {found['lost']} of {found['requests']} lost {found['answers']}")
        values |= {f"{variant.name}: {key}": value for key, value in found.items()}
        sums.update({key: found[key] for key in ("lost", "requests", "reopened")})
        slowest = max(slowest, found["slowest_ms"])
    rotation = values["certificate rotation: came_slowest_ms"]
    return values | sums | {"slowest_ms": slowest, "certificate_slowest_ms": rotation}
