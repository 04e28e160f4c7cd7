# SPDX-License-Identifier: Apache-2.0
"""Clients that mean no good, or work badly, five hundred at once: ``hostile.py URL TOKEN CLIENTS [KIND ...]``.

Runs until it is told to end by a line on standard input; then says how many connections each kind made.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

DRIP_SECONDS = 0.2
BETWEEN_SECONDS = 0.05  # between two connections of one client; without it one core makes nothing but sockets
ANSWER_SECONDS = 5.0
BREATH = 20  # requests on one connection

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Crowd:
    """All of them against one server."""

    def __init__(self, url: str, token: str) -> None:
        self.host, self.port = urlsplit(url).hostname or "", urlsplit(url).port or 0
        self.token = token
        self.made: Counter[str] = Counter()
        self.chance = random.Random(1)
        self.kinds: dict[str, Callable[[Reader, Writer], Awaitable[None]]] = {
            "slow_head": self.slow_head,
            "slow_body": self.slow_body,
            "half_closed": self.half_closed,
            "never_reading": self.never_reading,
            "large_body": self.large_body,
            "large_head": self.large_head,
            "garbage": self.garbage,
            "wrong_length": self.wrong_length,
            "searches": self.searches,
            "invalid_tokens": self.invalid_tokens,
        }

    async def client(self, kind: str) -> None:
        """One client, which comes back for ever."""
        while True:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
                reader, writer = await asyncio.open_connection(self.host, self.port)
                self.made[kind] += 1
                try:
                    await self.kinds[kind](reader, writer)
                finally:
                    writer.close()
            await asyncio.sleep(BETWEEN_SECONDS)

    def request(self, method: str, path: str, body: bytes = b"", token: str = "", length: str = "") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token or 'nobody'}\r\n"
        if method == "POST":
            head += f"Content-Type: application/json\r\nContent-Length: {length or len(body)}\r\n"
        return head.encode() + b"\r\n" + body

    async def answer(self, reader: Reader) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)

    async def drip(self, writer: Writer, data: bytes) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)

    async def slow_head(self, _: Reader, writer: Writer) -> None:
        await self.drip(writer, self.request("GET", "/v1/identity") * 10)

    async def slow_body(self, _: Reader, writer: Writer) -> None:
        writer.write(self.request("POST", "/v1/interventions", length="1000"))
        await self.drip(writer, b'{"declaration": ' * 60)

    async def half_closed(self, reader: Reader, writer: Writer) -> None:
        writer.write(self.request("POST", "/v1/interventions", b"{", length="100"))
        writer.write_eof()
        await self.answer(reader)

    async def never_reading(self, _: Reader, writer: Writer) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(self.request("GET", "/openapi.json") * 100)
        await asyncio.sleep(30)

    async def large_body(self, reader: Reader, writer: Writer) -> None:
        if self.chance.random() < 0.5:
            writer.write(self.request("POST", "/v1/observations", length=str(1 << 40)))
        else:
            chunked = self.request("POST", "/v1/interventions").replace(
                b"Content-Length: 0", b"Transfer-Encoding: chunked"
            )
            writer.write(chunked + b"100000\r\n")
        for _ in range(64):
            writer.write(b"[" * 16_384)
            await writer.drain()
        await self.answer(reader)

    async def large_head(self, reader: Reader, writer: Writer) -> None:
        writer.write(b"GET /v1/identity HTTP/1.1\r\nHost: here\r\nX-Long: ")
        for _ in range(64):
            writer.write(b"x" * 16_384)
            await writer.drain()
        await self.answer(reader)

    async def garbage(self, reader: Reader, writer: Writer) -> None:
        writer.write(self.chance.randbytes(self.chance.randrange(1, 4_000)))
        await self.answer(reader)

    async def wrong_length(self, reader: Reader, writer: Writer) -> None:
        length = self.chance.choice(("5", "-1", "99999999999999999999", "5\r\nContent-Length: 6", "0x10"))
        writer.write(self.request("POST", "/v1/interventions", b'{"declaration": {}}' * 3, length=length))
        await self.answer(reader)

    async def searches(self, reader: Reader, writer: Writer) -> None:
        """Signed in, and asks for more than anybody reads, without waiting for answers."""
        search = self.request("GET", "/v1/interventions?q=latency&limit=1000", token=self.token)
        writer.write(search * BREATH)
        for _ in range(BREATH):
            await self.answer(reader)

    async def invalid_tokens(self, reader: Reader, writer: Writer) -> None:
        for _ in range(BREATH):
            body = self.chance.choice((b"{}", b'{"redeem": [' + b"1.5," * 20_000 + b"1]}"))
            writer.write(self.request("POST", "/v1/interventions", body, token=f"{self.chance.random()}"))
            await self.answer(reader)
            writer.write(self.request("POST", "/v1/login/challenge"))
            await self.answer(reader)


async def main(url: str, token: str, clients: str, *kinds: str) -> None:
    """As many clients of each kind, until a line comes."""
    crowd = Crowd(url, token)
    chosen = kinds or tuple(crowd.kinds)
    tasks = [asyncio.create_task(crowd.client(chosen[n % len(chosen)])) for n in range(int(clients))]
    await asyncio.to_thread(sys.stdin.readline)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(crowd.made))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
