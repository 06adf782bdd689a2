"""Requests offered to a page at a steady rate, whether it keeps up or not.

python scripts/bench/offered_load.py PORT [--rate 1000] [--seconds 30] [--connections 40]

Each connection writes its next requests when they are due and waits for no answer (HTTP/1.1
pipelining, an open loop), so that a page that is slow can't slow the load down. One JSON object is
printed: what was offered, the answers by status, and the longest time to an answer. Answers that
have not come 5 s after the last request are counted as 0, as those of connections that were cut.
"""

import argparse
import asyncio
import json
import time
from collections import Counter, deque

_TICK_S, _LAST_S = 0.01, 5.0
_PATHS = ("/api/v2/ping", "/columns", "/api/v2/ping", "/api/v2/detections/recent")
_REQUESTS = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in _PATHS]


class PipelinedClient(asyncio.Protocol):
    """Connection whose answers come in the order of its requests."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.slowest_s, self.offered = 0.0, 0
        self.waiting: deque[float] = deque()
        """Moments of the requests that are not yet answered."""
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    async def connect(self, port: int) -> None:
        """Connect, or connect again after the page hung up."""
        if self._transport is None:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self, "127.0.0.1", port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing of a former connection."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._buffer.clear()

    def ask(self, request: bytes) -> None:
        """Write a request."""
        assert self._transport is not None
        self.waiting.append(time.monotonic())
        self.offered += 1
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Count the answers that are whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).lower()
            length = int(head.partition(b"content-length:")[2].split()[0])
            if len(self._buffer) < end + 4 + length:
                return
            del self._buffer[: end + 4 + length]
            self.statuses[int(head[9:12])] += 1
            taken_s = time.monotonic() - self.waiting.popleft()
            self.slowest_s = max(self.slowest_s, taken_s)

    def connection_lost(self, error: Exception | None) -> None:
        """Count as unanswered all that waits."""
        self._transport = None
        self.statuses[0] += len(self.waiting)
        self.waiting.clear()


async def offer(port: int, rate: float, seconds: float, connections: int) -> dict[str, object]:
    """Offer requests at a rate; what came of them."""
    clients = [PipelinedClient() for _ in range(connections)]
    begun, asked = time.monotonic(), 0
    while (passed_s := time.monotonic() - begun) < seconds:
        while asked < passed_s * rate:
            client = clients[asked % connections]
            await client.connect(port)
            client.ask(_REQUESTS[asked // connections % len(_REQUESTS)])
            asked += 1
        await asyncio.sleep(_TICK_S)
    length_s = time.monotonic() - begun
    while (
        any(client.waiting for client in clients) and time.monotonic() - begun < seconds + _LAST_S
    ):
        await asyncio.sleep(_TICK_S)
    statuses = sum((client.statuses for client in clients), Counter())
    statuses[0] += sum(len(client.waiting) for client in clients)
    return {
        "offered": asked,
        "seconds": length_s,
        "statuses": statuses,
        "slowest_s": max(client.slowest_s for client in clients),
    }


def main() -> None:
    """Offer and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--connections", type=int, default=40)
    args = parser.parse_args()
    print(json.dumps(asyncio.run(offer(**vars(args)))))


if __name__ == "__main__":
    main()
