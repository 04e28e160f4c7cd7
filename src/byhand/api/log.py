# SPDX-License-Identifier: Apache-2.0
"""The log as any verifier reads it: C2SP tlog-tiles paths under /log/, open to everybody, made to be cached.

Nothing here names a person: leaves hold digests. Full tiles never change and may be kept for ever; the checkpoint
must always be asked for. A partial tile is served for every size that a published checkpoint can have.
"""

from __future__ import annotations

from starlette.responses import Response

from byhand.api.door import Call, shown
from byhand.client.desk import LogIdentity
from byhand.errors import Fault, HomeRefused, Invalid, MalformedProof, NotFound
from byhand.log import checkpoint as checkpoints, note as notes, tiles
from byhand.log.tiles import TILE_WIDTH
from byhand.records.base import Part
from byhand.records.limits import INTEGER_MAX

FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
ALWAYS_ASK = {"Cache-Control": "no-cache"}
BYTES = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"


class Consistency(Part, kw_only=True):
    """A consistency proof (RFC 9162, 2.1.4): hashes in hex."""

    old: int
    new: int
    hashes: tuple[str, ...]


async def checkpoint(call: Call) -> Response:
    """GET /log/checkpoint: the latest published one."""
    note = call.home.entries.published()
    if note is None:
        raise NotFound("this log has no checkpoint yet")
    return Response(note, 200, ALWAYS_ASK, TEXT)


async def tile(call: Call) -> Response:
    """GET /log/tile/...: a tile of hashes or a bundle of entries."""
    path = f"tile/{call.request.path_params['path']}"
    try:
        level, number, width = tiles.parse_tile_path(path)
    except MalformedProof as error:
        raise NotFound(f"there is no {path[:100]} in a log of tiles") from error
    data = await call.run(
        lambda: _entries(call, number, width) if level is None else _hashes(call, level, number, width)
    )
    return Response(data, 200, FOR_EVER, BYTES)


def _published(call: Call) -> int:
    """Size of the published tree: what lies behind it is nobody's yet (invariant I3)."""
    note = call.home.entries.published()
    return checkpoints.parse(notes.parse(note).text).size if note is not None else 0


def _hashes(call: Call, level: int, number: int, width: int) -> bytes:
    published = _published(call)
    if (number * TILE_WIDTH + width) << (8 * level) > published:
        raise NotFound("this tile is not published")
    try:
        return call.home.journal.reader.tree().tile(level, number, width)
    except HomeRefused as error:
        raise NotFound("this tile is not there") from error


def _entries(call: Call, number: int, width: int) -> bytes:
    low = number * TILE_WIDTH
    if low + width > _published(call):
        raise NotFound("these entries are not published")
    return tiles.encode_bundle([leaf for _, leaf in call.home.entries.leaves(low, low + width)])


async def identity_of_log(call: Call) -> Response:
    """GET /v1/log: name, keys and officers, as the log claims them."""
    people, journal = call.home.people, call.home.journal

    def read() -> LogIdentity:
        keys = tuple(key.encode() for key in journal.key.verifiers)
        return LogIdentity(origin=journal.origin, keys=keys, officers=people.keyring().officers_fingerprint)

    return shown(await call.run(read))


async def consistency(call: Call) -> Response:
    """GET /v1/log/consistency: the proof between two sizes of the log."""
    old, new = call.number("old", high=INTEGER_MAX), call.number("new", high=INTEGER_MAX)
    if old is None or new is None or not 0 < old <= new:
        fault = Fault("/old", "must be at least 1 and at most new", "send both sizes")
        raise Invalid("the query is not understood", (fault,))

    def prove() -> Consistency:
        tree = call.home.journal.reader.tree()
        if new > tree.row.size:
            raise NotFound(f"this log has {tree.row.size} entries, not {new}")
        hashes = tuple(one.hex() for one in tree.consistency(old, new))
        return Consistency(old=old, new=new, hashes=hashes)

    return shown(await call.run(prove))


async def fresh_checkpoint(call: Call) -> Response:
    """POST /v1/log/checkpoint: one that covers everything acknowledged so far, signed and anchored now."""
    backend = call.backend()

    def made() -> bytes:
        backend.identity()
        return call.home.journal.anchor()

    return Response(await call.run(made), 200, ALWAYS_ASK, TEXT)
