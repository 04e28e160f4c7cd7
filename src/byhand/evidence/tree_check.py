# SPDX-License-Identifier: Apache-2.0
"""Recomputes the tree from its entries, tile by tile, and names every place where it differs from what is kept.

Memory: one tile of entries at a time, and one number per chain (about 120 bytes an intervention).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from byhand import clock
from byhand.errors import MalformedProof
from byhand.evidence.repeats import Repeats
from byhand.evidence.report import Found, Report, found
from byhand.evidence.sources import KeptLookups, LogSource
from byhand.log import merkle, tiles
from byhand.log.tiles import TILE_WIDTH, RightEdge
from byhand.records import leaf as leaves
from byhand.records.kinds import HEARTBEAT
from byhand.records.leaf import ADMINISTRATION_CHAIN, CARRIES_ADMINISTRATION_HEAD, Leaf
from byhand.records.payload import sealed_digest

HASH_BYTES = 32
RECORDED = re.compile(r"[0-8][0-9]{3}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}\.[0-9]{6}Z\Z")
GAP_TILES_MAX = 64  # 16,384 entries in a row: a loss that one finding describes as well as a million


@dataclass(slots=True)
class TreeCheck:
    """One pass over a log. ``watch`` maps a tree size to what to do with the root at that size."""

    source: LogSource
    report: Report
    size: int
    payloads: bool = True
    lookups: KeptLookups | None = None
    progress: Callable[[int], None] = lambda done: None
    roots: dict[int, bytes] = field(default_factory=lambda: {0: RightEdge.empty().root()})
    wanted: frozenset[int] = frozenset()
    whole: bool = True
    """Whether ``size`` is the log's own: then the partial tiles of that size must be there."""
    late: str = ""
    """Time after which nothing can have been recorded yet; empty: not asked."""
    edge: RightEdge = field(default_factory=RightEdge.empty)
    _heads: dict[int, int] = field(default_factory=dict)
    _repeats: Repeats = field(default_factory=Repeats)
    _recorded: str = ""
    _early: bool = False

    def run(self) -> bytes:
        """Check everything; returns the root of the kept entries. ``roots`` then holds those ``wanted``.

        A size is only a claim. After GAP_TILES_MAX tiles of which nothing is there, the rest is not asked for.
        """
        absent = 0
        for low in range(0, self.size, TILE_WIDTH):
            high = min(low + TILE_WIDTH, self.size)
            absent = 0 if self._tile(low, high) else absent + 1
            self.progress(high)
            if absent >= GAP_TILES_MAX and high < self.size:
                self.report.add(
                    found("entry.missing", f"entries {high} to {self.size - 1}", "were not looked for")
                )
                break
        if self.whole:
            self._partial_tiles()
        if self._repeats.doubtful:
            self._name_repeats()
        if self.lookups is not None:
            self._check_lookups(self.lookups)
        return self.edge.root()

    def _check_lookups(self, lookups: KeptLookups) -> None:
        """A chain whose head was set back, or a row that was hidden, shows a person less than there is."""
        heads = 0
        for chain, head in lookups.heads():
            heads += 1
            last = self._heads.get(hash(chain))
            if head != last:
                what = f"is said to end at entry {head}; its last entry is {last}"
                self.report.add(found("lookup.altered", f"chain {chain}", what))
        if heads < len(self._heads):
            what = f"name {heads} chains; the entries form {len(self._heads)}"
            self.report.add(found("lookup.altered", "chain heads", what))
        for stray in lookups.strays(self.edge.size):
            self.report.add(found("lookup.altered", stray, "belongs to no tree of this size"))

    def _name_repeats(self) -> None:
        """A second pass, for the few ids that the first one doubted."""
        first: dict[str, int] = {}
        for index, entry in self._malformed(self.source.leaves(0, self.size)):
            record_id = _record_id(entry)
            if record_id in self._repeats.doubtful and first.setdefault(record_id, index) != index:
                what = f"has the record id of entry {first[record_id]}"
                self.report.add(found("record.repeated", f"entry {index}", what))

    @property
    def tree(self) -> tuple[int, bytes, str, int | None]:
        """Size, right edge, last recorded time and administration's head, as the entries give them."""
        head = self._heads.get(hash(ADMINISTRATION_CHAIN))
        return self.edge.size, self.edge.encode(), self._recorded, head

    def _tile(self, low: int, high: int) -> bool:
        """Entries ``low`` to ``high``: hashes against the kept tile, leaves, chains, payload digests.

        False when not one of them is there.
        """
        rows = list(self._malformed(self.source.leaves(low, high)))
        hashes = [merkle.leaf_hash(entry) for _, entry in rows]
        kept = self._kept(0, low // TILE_WIDTH, high - low)
        whole = [index for index, _ in rows] == list(range(low, high))
        if not rows:
            self.report.add(found("entry.missing", f"entries {low} to {high - 1}", "are not there"))
        elif kept is not None and b"".join(hashes) != kept:
            self._name_differences(low, [(i, h) for (i, _), h in zip(rows, hashes, strict=True)], kept)
        elif not whole:
            self._name_missing(low, high, {index for index, _ in rows})
        decoded = {index: leaf for index, entry in rows if (leaf := self._leaf(index, entry)) is not None}
        if self.payloads:
            sealed = {index: leaf.sealed for index, leaf in decoded.items() if leaf.sealed is not None}
            self._payloads(low, high, sealed)
        if self.lookups is not None:
            self._names(self.lookups, decoded)
        self._append(low, high, hashes if whole else self._filled(low, high, rows, hashes, kept))
        return bool(rows)

    @staticmethod
    def _filled(
        low: int, high: int, rows: list[tuple[int, bytes]], hashes: list[bytes], kept: bytes | None
    ) -> list[bytes]:
        """One hash for each place, so that what follows a gap is still compared with its own tile."""
        there = {index: digest for (index, _), digest in zip(rows, hashes, strict=True)}
        tile = kept or bytes(HASH_BYTES * (high - low))
        return [there.get(low + i, tile[i * HASH_BYTES : (i + 1) * HASH_BYTES]) for i in range(high - low)]

    def _malformed(self, rows: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        try:
            yield from rows
        except MalformedProof as error:
            self.report.add(found("tile.altered", "an entry bundle", str(error)))

    def _kept(self, level: int, number: int, width: int) -> bytes | None:
        data = self.source.tile(level, number, width)
        if data is None:
            self.report.add(
                found("tile.missing", f"tile {level}/{number}", f"of {width} hashes is not there")
            )
        if data is not None and len(data) != width * HASH_BYTES:
            what = f"holds {len(data)} bytes instead of {width * HASH_BYTES}"
            self.report.add(found("tile.altered", f"tile {level}/{number}", what))
            return None
        return data

    def _append(self, low: int, high: int, hashes: list[bytes]) -> None:
        """Grow the recomputed tree, stopping at every size whose root is wanted."""
        for stop in sorted({size for size in self.wanted if low < size < high} | {high}):
            part = hashes[self.edge.size - low : stop - low]
            self.edge, full = self.edge.append(part)
            for tile in full:
                if tile.level > 0:
                    self._compare_upper(tile.level, tile.index, tile.data)
            if self.edge.size in self.wanted:
                self.roots[self.edge.size] = self.edge.root()

    def _compare_upper(self, level: int, number: int, data: bytes) -> None:
        kept = self._kept(level, number, TILE_WIDTH)
        if kept is not None and kept != data:
            what = "does not hold the hashes of the tiles below it"
            self.report.add(found("tile.altered", f"tile {level}/{number}", what))

    def _partial_tiles(self) -> None:
        edge, offset = self.edge.encode(), 0
        for level, number, width in tiles.partial_tiles(self.edge.size):
            data = edge[offset : offset + width * HASH_BYTES]
            offset += len(data)
            kept = self._kept(level, number, width) if level > 0 else None
            if kept is not None and kept != data:
                self.report.add(
                    found("tile.altered", f"tile {level}/{number}.p/{width}", "is not what its entries give")
                )

    # -- naming what differs

    def _name_missing(self, low: int, high: int, there: set[int]) -> None:
        for index in range(low, high):
            if index not in there:
                self.report.add(found("entry.missing", f"entry {index}", "is not there"))

    def _name_differences(self, low: int, rows: list[tuple[int, bytes]], kept: bytes) -> None:
        """Say which entries differ from the tile, and how: gone, added, moved, doubled or altered."""
        promised = {
            low + i: kept[i * HASH_BYTES : (i + 1) * HASH_BYTES] for i in range(len(kept) // HASH_BYTES)
        }
        place = {digest: index for index, digest in promised.items()}
        there = dict(rows)
        for index, digest in promised.items():
            if index not in there:
                self.report.add(
                    found("entry.missing", f"entry {index}", "is in the tile but not among the entries")
                )
            elif there[index] != digest:
                self.report.add(self._difference(index, there[index], place, there, promised))

    @staticmethod
    def _difference(
        index: int,
        digest: bytes,
        place: dict[bytes, int],
        there: dict[int, bytes],
        promised: dict[int, bytes],
    ) -> Found:
        elsewhere = place.get(digest)
        if elsewhere is None:
            moved_on = there.get(index + 1) == promised[index]
            code = "entry.inserted" if moved_on else "entry.altered"
            return found(code, f"entry {index}", "is not the one whose hash the tile holds")
        if there.get(elsewhere) == promised[elsewhere]:
            return found("entry.duplicated", f"entry {index}", f"is entry {elsewhere} once more")
        if there.get(elsewhere) == promised[index]:
            return found(
                "entry.swapped",
                f"entry {index}",
                f"stands in the place of entry {elsewhere} and the other way round",
            )
        if elsewhere == index + 1:
            return found("entry.missing", f"entry {index}", f"is gone; entry {elsewhere} stands in its place")
        return found("entry.swapped", f"entry {index}", f"belongs at {elsewhere}")

    # -- leaves, chains, payloads

    def _names(self, lookups: KeptLookups, decoded: dict[int, Leaf]) -> None:
        """Every record id leads to its entry."""
        places = lookups.places([leaf.id for leaf in decoded.values()])
        for index, leaf in decoded.items():
            if places.get(leaf.id) != index:
                what = f"record id {leaf.id} leads to {places.get(leaf.id)}"
                self.report.add(found("lookup.altered", f"entry {index}", what))

    def _leaf(self, index: int, entry: bytes) -> Leaf | None:
        """Check one leaf; returns it."""
        try:
            leaf = read_leaf(entry)
        except MalformedProof as error:
            self.report.add(found("entry.malformed", f"entry {index}", str(error)))
            return None
        if leaf.recorded < self._recorded:
            what = f"was recorded at {leaf.recorded}, before its predecessor ({self._recorded})"
            self.report.add(found("time.backwards", f"entry {index}", what))
        if self.late and leaf.recorded > self.late and not self._early:
            self._early = True
            what = f"was recorded at {leaf.recorded}, later than it can be by this machine's clock"
            self.report.add(found("time.ahead", f"entry {index}", what))
        self._recorded = max(self._recorded, leaf.recorded)
        self._repeats.add(leaf.id)
        self._administration(index, leaf)
        self._chain(index, leaf)
        return leaf

    def _administration(self, index: int, leaf: Leaf) -> None:
        """What is decided on keyring and points names how far their chain had gone: no revocation can be left out."""
        head = self._heads.get(hash(ADMINISTRATION_CHAIN))
        knows = head if leaf.kind in CARRIES_ADMINISTRATION_HEAD else None
        if leaf.administration != knows:
            what = f"knows administration up to {leaf.administration}, where it had reached {head}"
            self.report.add(found("chain.broken", f"entry {index}", what))

    def _chain(self, index: int, leaf: Leaf) -> None:
        """Each entry names the last one of its chain: nothing of a chain can be left out or slipped in."""
        chain = leaf.chain
        if chain is None:
            return
        key = hash(chain)
        last = self._heads.get(key)
        if leaf.previous != last:
            what = f"follows {leaf.previous}, but the last entry of {chain} is {last}"
            self.report.add(found("chain.broken", f"entry {index}", what))
        self._heads[key] = index

    def _payloads(self, low: int, high: int, named: dict[int, str]) -> None:
        try:
            kept = dict(self.source.payloads(low, high))
        except MalformedProof as error:
            self.report.add(found("payload.altered", f"payloads of entries {low} to {high - 1}", str(error)))
            return
        for index in sorted(set(kept) - set(named)):
            self.report.add(found("payload.inserted", f"entry {index}", "names no payload, but there is one"))
        for index, digest in named.items():
            sealed = kept.get(index)
            if sealed is None:
                self.report.add(found("payload.missing", f"entry {index}", "its sealed payload is not there"))
            elif sealed_digest(sealed) != digest:
                self.report.add(
                    found("payload.altered", f"entry {index}", "its sealed payload has another digest")
                )


def read_leaf(entry: bytes) -> Leaf:
    """The leaf in ``entry``; raises MalformedProof.

    It says when, in the one form there is, and has a payload exactly when it is a record's.
    """
    leaf = leaves.decode(entry)
    try:
        if RECORDED.match(leaf.recorded) is None:
            raise ValueError(leaf.recorded)
        clock.parse(leaf.recorded)
    except ValueError as error:
        raise MalformedProof(f"{leaf.recorded[:40]!r} is no time of recording") from error
    record = leaf.kind != HEARTBEAT
    if (leaf.sealed is not None) != record or (leaf.commitment is not None) != record:
        raise MalformedProof(f"a leaf of kind {leaf.kind[:40]!r} {'needs a' if record else 'has no'} payload")
    return leaf


def _record_id(entry: bytes) -> str:
    try:
        return leaves.decode(entry).id
    except MalformedProof:
        return ""  # named already by the leaf's own check
