# SPDX-License-Identifier: Apache-2.0
"""A load generator that costs little: prepared requests over kept connections, one loop, no HTTP library.

``python load.py PORT CONNECTIONS FILE``: FILE holds prepared requests, each behind its length in four bytes. Prints one
JSON object: answers a second, latencies, this process's own share of the CPU, and the statuses that came.
"""

from __future__ import annotations

import asyncio
import collections
import json
import resource
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "


def requests(file: Path) -> Iterator[bytes]:
    """The prepared requests, one after the other."""
    data = file.read_bytes()
    place = 0
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 4 + length]
        place += 4 + length


class Client(asyncio.Protocol):
    """One connection: the next request as soon as the last was answered."""

    def __init__(
        self, waiting: Iterator[bytes], seconds: list[float], statuses: collections.Counter[int]
    ) -> None:
        self._waiting = waiting
        self._seconds = seconds
        self._statuses = statuses
        self._buffer = b""
        self._began = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._next()

    def _next(self) -> None:
        request = next(self._waiting, None)
        if request is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or all of it."""
        self._buffer += data
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return
        head = self._buffer[:end].lower()
        place = head.find(LENGTH)
        length = int(head[place + len(LENGTH) :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(self._buffer) < end + len(HEAD_END) + length:
            return
        self._buffer = self._buffer[end + len(HEAD_END) + length :]
        self._seconds.append(time.perf_counter() - self._began)
        self._statuses[int(head[9:12])] += 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name for it
        """All requests were answered, or the server went."""
        if not self.done.done():
            self.done.set_result(None)


async def main(port: int, connections: int, file: Path) -> None:
    """Send them all."""
    waiting = requests(file)
    seconds: list[float] = []
    statuses: collections.Counter[int] = collections.Counter()
    loop = asyncio.get_running_loop()
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    clients = [
        (await loop.create_connection(lambda: Client(waiting, seconds, statuses), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(client.done for client in clients))
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    seconds.sort()
    found = {
        "rate": len(seconds) / wall,
        "p50": seconds[len(seconds) // 2],
        "p99": seconds[int(len(seconds) * 0.99)],
        "cpu_share": cpu / wall,
        "statuses": dict(statuses),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
