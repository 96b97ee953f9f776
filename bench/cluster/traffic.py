"""An address and a pace → every answer counted. A process of its own, so that its CPU is no one else's.

    python traffic.py --address 172.31.78.10 --port 80 --host a.example.com --path /a=backend-a --path /b=a,b --rate 500

Requests go out until standard input ends; then one JSON object is printed: how often each answer came. What is not a
status code is named: `connect` (refused or timed out), `closed` (the connection ended before the answer), `timeout`,
`stranger` (a 200 of a pod of none of the Deployments that the path names). A connection that the server closed between
two requests, which costs a client no answer, is counted as `reopened`.
"""

import argparse
import asyncio
import json
import re
import ssl
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

POD = re.compile(rb'"pod": *"([^"]+)-[^-"]+-[^-"]+"')
"""In the echo server's answer; the group is the Deployment's name."""

PATIENCE = 10.0
"""Seconds until a request counts as lost."""


@dataclass
class Target:
    """What is asked for, and the answers so far."""

    address: str
    port: int
    host: str
    paths: list[tuple[str, frozenset[str]]]
    """With the Deployments that may answer; none named are all."""
    tls: ssl.SSLContext | None
    requests_a_connection: int
    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    reopened: int = 0

    def request(self, number: int) -> bytes:
        path, _ = self.paths[number % len(self.paths)]
        return f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode()

    def is_stranger(self, number: int, body: bytes) -> bool:
        """Whether the echo server's answer is of a pod that has no part in this path."""
        _, expected = self.paths[number % len(self.paths)]
        found = POD.search(body)
        return bool(expected) and (not found or found[1].decode() not in expected)


class Connection:
    """One client: keeps its connection as long as the server lets it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._served = 0

    async def ask(self, number: int) -> None:
        """Send one request and count its answer."""
        start = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._answer(number)
        except TimeoutError:
            answer = "timeout"
        except ConnectionRefusedError:
            answer = "connect"
        except (OSError, EOFError, ssl.SSLError):
            answer = "closed" if self._writer else "connect"
        if not answer.isdigit() and answer != "stranger":
            self.close()
        self._target.counts[answer] += 1
        self._target.slowest = max(self._target.slowest, time.perf_counter() - start)

    async def _answer(self, number: int) -> str:
        if self._reader and self._reader.at_eof():
            self._target.reopened += 1
            self.close()
        if self._reader is None or self._served >= self._target.requests_a_connection:
            self.close()
            await self._open()
        assert self._reader
        assert self._writer
        self._writer.write(self._target.request(number))
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        body = await self._body(head)
        self._served += 1
        if b"\r\nconnection: close" in head:
            self._target.reopened += 1
            self.close()
        status = head.split(b" ", 2)[1].decode()
        return "stranger" if status == "200" and self._target.is_stranger(number, body) else status

    async def _body(self, head: bytes) -> bytes:
        assert self._reader
        _, found, rest = head.partition(b"\r\ncontent-length:")
        if found:
            return await self._reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
        body = b""
        if b"\r\ntransfer-encoding: chunked" in head:
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                body += (await self._reader.readexactly(size + 2))[:size]
            await self._reader.readexactly(2)
        return body

    async def _open(self) -> None:
        t = self._target
        name = t.host if t.tls else None
        self._reader, self._writer = await asyncio.open_connection(t.address, t.port, ssl=t.tls, server_hostname=name)
        self._served = 0

    def close(self) -> None:
        if self._writer:
            with suppress(OSError):
                self._writer.transport.abort()
        self._reader = self._writer = None


async def send(target: Target, rate: float, connections: int) -> None:
    """Send at `rate` a second, spread over `connections`, until standard input ends."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)

    async def user(index: int) -> None:
        connection = Connection(target)
        period = connections / rate
        due = time.perf_counter() + period * index / connections
        number = index
        while not ended.is_set():
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            await connection.ask(number)
            number += 1
            due = max(due + period, time.perf_counter() - 1.0)  # what was late is made up for, a second of it at most
        connection.close()

    async with asyncio.TaskGroup() as tasks:
        for index in range(connections):
            tasks.create_task(user(index))


def path(text: str) -> tuple[str, frozenset[str]]:
    """`/a=backend-a,backend-b` → a path and the Deployments that may answer."""
    found, _, names = text.partition("=")
    return found, frozenset(filter(None, names.split(",")))


def unverified() -> ssl.SSLContext:
    """TLS that takes any certificate: what is asked is whether the request is answered."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def main() -> None:
    """Parse, send, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--host", required=True)
    parser.add_argument("--path", type=path, action="append", required=True)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--requests-a-connection", type=int, default=1_000_000)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    target = Target(
        options.address,
        options.port,
        options.host,
        options.path,
        unverified() if options.tls else None,
        options.requests_a_connection,
    )
    start = time.perf_counter()
    asyncio.run(send(target, options.rate, options.connections))
    seconds = time.perf_counter() - start
    found = {"answers": target.counts, "reopened": target.reopened, "seconds": seconds}
    print(json.dumps(found | {"slowest_ms": target.slowest * 1000}))


if __name__ == "__main__":
    main()
