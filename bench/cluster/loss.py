"""F3: the same thing changed a hundred times under load; every answer that is not 200 is counted."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.api import Json
from cluster.certificates import certificate
from cluster.objects import NAMESPACE, gateway, header, route, rule
from cluster.run import Run, is_programmed, until
from lab import cluster as lab

HOST = "loss.example.com"
PAUSE = 0.2
"""Seconds from one change to the next."""
PODS_A_ROLLOUT = 4


@dataclass(frozen=True)
class Variant:
    """A change: `turn` makes iteration number n so; iteration 0 is where it starts."""

    name: str
    turn: Callable[[Run, int], None]
    paths: tuple[str, ...] = ("/",)
    tls: bool = False
    changes_a_turn: int = 1


def loss(run: Run, variant: Variant, iterations: int, rate: float) -> dict[str, Any]:
    """Change it so often under load; return the answers by status, and how many were lost."""
    variant.turn(run, 0)
    until(lambda: _answers(run, variant), patience=60)
    time.sleep(1)
    before = run.cpu()
    with _load(run, variant, rate) as load:
        time.sleep(1)
        for number in range(1, iterations // variant.changes_a_turn + 1):
            variant.turn(run, number)
            time.sleep(PAUSE)
        time.sleep(2)
    cost = run.cpu() - before
    answers = load["answers"]
    _check_that_changes_still_arrive(run, variant)
    return {
        "requests": sum(answers.values()),
        "lost": sum(answers.values()) - answers.get("200", 0),
        "answers": answers,
        "slowest_ms": round(load["slowest_ms"], 1),
        "control_plane_cpu_s": round(cost.control_plane, 2),
    }


@contextmanager
def _load(run: Run, variant: Variant, rate: float) -> Iterator[Json]:
    """Send requests while the block lasts; what they met is in the yielded object afterwards."""
    command = [sys.executable, str(Path(__file__).with_name("traffic.py")), "--address", run.address, "--host", HOST]
    command += [word for path in variant.paths for word in ("--path", path)] + ["--rate", str(rate)]
    if variant.tls:
        command += ["--tls", "--port", "443", "--requests-a-connection", "20"]
    met: Json = {}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield met
    finally:
        printed, _ = process.communicate("end\n")
    met.update(json.loads(printed))


def _answers(run: Run, variant: Variant) -> bool:
    """Whether every path answers 200, asked the way the load asks."""
    command = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}\n", "-m", "2"]
    command += ["--resolve", f"{HOST}:443:{run.address}", "--resolve", f"{HOST}:80:{run.address}"]
    scheme = "https" if variant.tls else "http"
    for path in variant.paths:
        done = subprocess.run([*command, f"{scheme}://{HOST}{path}"], capture_output=True, text=True, check=False)
        if done.stdout.strip() != "200":
            return False
    return True


def _check_that_changes_still_arrive(run: Run, variant: Variant) -> None:
    """A control plane that had stopped listening would lose nothing: see one last change come through."""
    run.api.apply(route("loss", ["last." + HOST], rule("backend-a")))
    client = run.client()
    if not variant.tls:
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


def _certificate_rotation(run: Run, turn: int) -> None:
    crt, key = certificate(HOST, turn % 2)
    data = {"tls.crt": base64.b64encode(crt).decode(), "tls.key": base64.b64encode(key).decode()}
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


def _rolling_backends(run: Run, turn: int) -> None:
    if turn == 0:
        _route(run, rule("backend-a"))
        lab.kubectl("scale", "-n", NAMESPACE, "deployment/backend-a", f"--replicas={PODS_A_ROLLOUT}")
    else:
        lab.kubectl("rollout", "restart", "-n", NAMESPACE, "deployment/backend-a")
    lab.kubectl("rollout", "status", "-n", NAMESPACE, "deployment/backend-a", "--timeout=120s")


VARIANTS = (
    Variant("backend port flip", _port_flip),
    Variant("filter flip", _filter_flip),
    Variant("rule reorder", _rule_reorder, paths=("/a", "/b", "/c")),
    Variant("backend swap", _backend_swap),
    Variant("weight change", _weight_change),
    Variant("hostname add and remove", _hostname),
    Variant("listener add beside", _listener_beside),
    Variant("rolling backends", _rolling_backends, changes_a_turn=PODS_A_ROLLOUT),
    Variant("certificate rotation", _certificate_rotation, tls=True),
)
"""In this order: the last one leaves a second listener behind."""


def losses(run: Run, iterations: int, rate: float) -> dict[str, Any]:
    """Every variant, one after the other; keys are `<variant>: <value>`."""
    values: dict[str, Any] = {"iterations": iterations, "rate": rate}
    lost = requests = 0
    for variant in VARIANTS:
        found = loss(run, variant, iterations, rate)
        run.say(f"    {variant.name}: {found['lost']} of {found['requests']} lost {found['answers']}")
        values |= {f"{variant.name}: {key}": value for key, value in found.items()}
        lost += found["lost"]
        requests += found["requests"]
    return values | {"lost": lost, "requests": requests}
