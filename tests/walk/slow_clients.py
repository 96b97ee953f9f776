"""Clients whose requests take their time, one after the other on connections that they keep; prints what came of them.

python slow_clients.py HOST:PORT HOST-HEADER PATH SECONDS. A client that is told to close opens another connection.
Nothing is tried again, which curl does in silence where a connection that it kept breaks.
"""

import http.client
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

CLIENTS = 8


def use(place: str, host: str, path: str, until: float) -> Counter[str]:
    """Ask until then; count the status codes, and 000 for a request without an answer."""
    counts = Counter[str]()
    connection = http.client.HTTPConnection(place, timeout=10)
    while time.monotonic() < until:
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
            counts[str(answer.status)] += 1
        except (OSError, http.client.HTTPException):
            counts["000"] += 1
            connection.close()
    return counts


def main(place: str, host: str, path: str, seconds: str) -> None:
    until = time.monotonic() + float(seconds)
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(use, place, host, path, until) for _ in range(CLIENTS)]
    json.dump(sum((client.result() for client in clients), Counter[str]()), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
