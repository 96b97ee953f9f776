"""One authenticated connection pool to the API server; requests in, bytes or `ApiError` out.

Both edges use it: `k8s_watch/http.py` reads with it, `k8s_apply/http.py` writes. It maps errors and renews
credentials; it never retries, except once with new credentials after a 401.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
import structlog

from k8s_watch.credential_source import load_credentials
from k8s_watch.credentials import BadCredentials, Credentials
from k8s_watch.status_error import status_error

CONNECT_TIMEOUT = 10.0
"""Seconds to open a TCP connection with TLS."""
RELOAD_TIMEOUT = 30.0
"""Seconds to read credentials anew."""
JSON = "application/json"
KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
"""Socket options; seconds, seconds, probes, milliseconds. Those that the platform lacks are left out."""

log = structlog.get_logger("k8s_watch.connection")

type AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]


class Connection:
    """Requests to one API server. Ours to `close`; usable as an async context manager.

    Raises `ApiError` (`Gone` for 410) for answers of 400 and above, and `OSError`, always with words, when there was no
    whole answer: refused, cut, timed out.
    """

    def __init__(self, credentials: Credentials, kubeconfig: str | None) -> None:
        self.throttled = 0
        """Counts answers of 429: the server has too much to do, for us or for all."""
        self._kubeconfig = kubeconfig
        self._credentials = credentials
        self._session = _session(credentials)
        self._generation = 0
        self._unreadable = ""
        """Why the credentials cannot be read anew, as it was logged: no answer of the server says so."""
        self._reloading = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def host(self) -> str:
        """The API server's base URL."""
        return self._credentials.host

    async def close(self) -> None:
        """Close every connection; requests under way fail with `OSError`."""
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout: float = 30.0,  # noqa: ASYNC109 (a deadline of the whole exchange, enforced by the socket too)
    ) -> bytes:
        """Send one request and return the whole answer. `timeout` in seconds covers everything, connecting too."""
        deadline = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_TIMEOUT, sock_read=timeout)
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        async with self._answer(method, path, deadline, params=params, headers=headers, data=body) as answer:
            return await answer.read()

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        params: Mapping[str, str],
        at_most: float,
        idle: float,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET and yield the answer's bytes as they come, in chunks of any size.

        Ends with `TimeoutError` (an `OSError`) `at_most` seconds after the start, or after `idle` seconds of silence.
        """
        deadline = aiohttp.ClientTimeout(total=at_most, sock_connect=CONNECT_TIMEOUT, sock_read=idle)
        async with self._answer("GET", path, deadline, params=params, headers={"Accept": JSON}) as answer:
            yield answer.content.iter_any()

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, deadline: aiohttp.ClientTimeout, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            answer = await self._send(method, path, timeout=deadline, **options)
            async with answer:
                if answer.status >= 400:
                    self.throttled += answer.status == 429
                    wait = answer.headers.get("Retry-After", "")
                    retry_after = float(wait) if wait.isdecimal() else None
                    raise status_error(answer.status, await answer.read(), retry_after=retry_after)
                yield answer
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, OSError) and str(error):
                raise
            if isinstance(error, TimeoutError):
                raise TimeoutError(f"{method} {path}: no whole answer within {deadline.total:g} seconds") from error
            raise ConnectionError(f"{method} {path}: {str(error) or type(error).__name__}") from error

    async def _send(self, method: str, path: str, **options: Any) -> aiohttp.ClientResponse:
        """Send; a 401, or a certificate that no longer fits, gets a second try if the credentials have changed."""
        generation = self._generation
        try:
            answer = await self._send_once(method, path, **options)
        except aiohttp.ClientSSLError:
            if not await self._reload(generation):
                raise
            return await self._send_once(method, path, **options)
        if answer.status != 401 or not await self._reload(generation):
            return answer
        answer.release()
        return await self._send_once(method, path, **options)

    async def _send_once(
        self, method: str, path: str, *, headers: Mapping[str, str], **options: Any
    ) -> aiohttp.ClientResponse:
        credentials = self._credentials
        if authorization := await credentials.authorization():
            headers = {**headers, "Authorization": authorization}
        if credentials.server_name:
            options["server_hostname"] = credentials.server_name
        return await self._session.request(
            method, credentials.host + path, headers=headers, proxy=credentials.proxy, **options
        )

    async def _reload(self, seen: int) -> bool:
        """Read the credentials again unless somebody did since `seen`; return whether there are other ones now.

        Those that cannot be read, or say no longer who we are, take no others' place.
        """
        async with self._reloading:
            if self._generation != seen:
                return True
            old = self._credentials
            try:
                async with asyncio.timeout(RELOAD_TIMEOUT):  # a kubeconfig may name a program to run, which may hang
                    new = await load_credentials(self._kubeconfig)
            except BadCredentials as error:
                if str(error) != self._unreadable:
                    self._unreadable = str(error)
                    log.warning("credentials cannot be read anew, the last ones stay in use", error=self._unreadable)
                return False
            except TimeoutError as error:
                raise TimeoutError(f"the credentials could not be read within {RELOAD_TIMEOUT:g} seconds") from error
            if self._unreadable:
                self._unreadable = ""
                log.info("credentials can be read again")
            if await new.is_anonymous() and not await old.is_anonymous():
                return False  # a token file between two steps: the server would forbid, and nobody would look again
            same_server = (new.host, new.proxy, new.server_name) == (old.host, old.proxy, old.server_name)
            same_tls = new.tls_material == old.tls_material
            if same_server and same_tls and await new.authorization() == await old.authorization():
                return False
            self._credentials = new
            self._generation += 1
            if not (same_server and same_tls):
                # Closing the old session ends its watches; they resume over the new one.
                session, self._session = self._session, _session(new)
                await session.close()
            return True


async def connect(kubeconfig: str | None = None) -> Connection:
    """Make a connection pool for `kubeconfig`, else $KUBECONFIG, else the pod's service account, else ~/.kube/config.

    Raises `BadCredentials`. Does not contact the API server: that it is down is found out, and waited for, later.
    """
    return Connection(await load_credentials(kubeconfig), kubeconfig)


def _session(credentials: Credentials) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, ssl=credentials.tls(), socket_factory=_socket)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        # The server is near: compressing costs it, and us, more than it saves.
        headers={"User-Agent": "lychgate", "Accept-Encoding": "identity"},
        read_bufsize=1 << 20,
    )


def _socket(address: AddrInfo) -> socket.socket:
    """Open a socket that the kernel probes, so that a peer which is gone without a word is noticed in half a minute."""
    family, kind, protocol = address[:3]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
