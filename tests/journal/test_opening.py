# SPDX-License-Identifier: Apache-2.0
"""A home opens only when tree, time, chains and anchor agree (invariants I2, I5 and I8)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from byhand import clock
from byhand.errors import HomeRefused, LogUnavailable
from byhand.ids import new_record_id
from byhand.journal import checkpointer, row_check
from byhand.journal.entry import Entry
from byhand.records.actor import Actor
from byhand.records.intervention import Target
from byhand.records.kinds import SCHEMA_VERSION, Access, Administration, AnyRecord, Observation
from byhand.store.entries import TreeRow
from byhand.wiring import Home, open_home

ADA = Actor(person="ada")


def administration() -> AnyRecord:
    """A change to byhand; what it changes is not the journal's business."""
    return Administration(id=new_record_id(), schema=SCHEMA_VERSION, action="a.b.c", subject="s")


def access() -> AnyRecord:
    """A read."""
    return Access(id=new_record_id(), schema=SCHEMA_VERSION, actor=ADA, operation="show")


def observation(intervention: str) -> AnyRecord:
    """A record of an intervention."""
    return Observation(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=intervention,
        actor=ADA,
        target=Target(system="s", type="t", id="i"),
        action="a.b.c",
        connector="test",
        instance="one",
        capture="feed",
        absence="source_has_no_field",
    )


INTERVENTION = new_record_id()


def append(home: Home, *records: AnyRecord) -> None:
    """One entry each."""
    for record in records:
        home.journal.append([Entry(record)])


@pytest.fixture
def lived(place: Path) -> Path:
    """Two changes to byhand and an intervention of two records, anchored; then one read that is not, closed."""
    home = open_home(place)
    append(home, administration(), observation(INTERVENTION), administration(), access())
    append(home, observation(INTERVENTION), access())
    home.journal.anchor()
    append(home, access())
    home.close()
    return place


def sql(place: Path, *statements: str) -> None:
    """Do what a database administrator could."""
    with sqlite3.connect(place / "log.db", isolation_level=None) as database:
        for trigger in ("entry_stays", "entry_kept", "tile_stays", "tile_kept", "name_stays", "name_kept"):
            database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            database.execute(statement)
    database.close()


SET_BACK = (
    "UPDATE tree SET administration = 0",
    "UPDATE chain SET head = 0 WHERE name = 'administration'",
)
CUT = "UPDATE tree SET administration = NULL", "DELETE FROM chain WHERE name = 'administration'"
BENT: dict[str, tuple[tuple[str, ...], str]] = {
    "edge": (("UPDATE tree SET edge = x'00' || substr(edge, 2)",), "not the ones that were anchored"),
    "edge behind the anchor": (
        ("UPDATE tree SET edge = substr(edge, 1, 193) || x'00' || substr(edge, 195)",),
        "right edge",
    ),
    "entry behind the anchor": (("UPDATE entry SET leaf = x'7b7d' WHERE idx = 6",), "right edge"),
    "entry before the anchor": (
        ("UPDATE entry SET leaf = (SELECT leaf FROM entry WHERE idx = 3) WHERE idx = 5",),
        "were anchored",
    ),
    "administration set back": (SET_BACK, "administration chain ends at 0, by its entries it ends at 2"),
    "administration taken away": (CUT, "ends at None"),
    "administration set back in the row": (SET_BACK[:1], "administration chain ends at 0"),
    "administration set back in the chain": (SET_BACK[1:], "administration ends at 2"),
    "administration set forward": (("UPDATE tree SET administration = 5",), "ends at 5"),
    "intervention set back": (
        (f"UPDATE chain SET head = 1 WHERE name = '{INTERVENTION}'",),
        "the store says it ends at 1",
    ),
    "intervention taken away": ((f"DELETE FROM chain WHERE name = '{INTERVENTION}'",), "ends at None"),
    "time set ahead": (("UPDATE tree SET recorded = '2999-01-01T00:00:00.000000Z'",), "recorded at"),
    "time set back": (("UPDATE tree SET recorded = '2001-01-01T00:00:00.000000Z'",), "recorded at"),
    "time taken away": (("UPDATE tree SET recorded = ''",), "recorded at"),
}


@pytest.mark.parametrize("name", BENT)
def test_a_row_that_does_not_follow_from_the_entries_refuses_to_open(lived: Path, name: str) -> None:
    """I5: edge, administration, heads and time are what the entries give, or nothing is done here."""
    statements, message = BENT[name]
    sql(lived, *statements)
    with pytest.raises(HomeRefused, match=message):
        open_home(lived)


@pytest.mark.parametrize("read_again", [0, 256])
def test_administration_far_back_is_in_the_anchor(
    place: Path, read_again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long nothing was changed, and however little is read at a start, its head cannot be set back."""
    monkeypatch.setattr(checkpointer, "READ_AGAIN", read_again)
    home = open_home(place)
    append(home, administration(), administration(), administration())
    home.journal.append([Entry(access()) for _ in range(600)])
    home.journal.anchor()
    home.close()
    open_home(place).close()
    sql(place, *SET_BACK)
    with pytest.raises(HomeRefused, match="ends at 0, by its entries it ends at 2"):
        open_home(place)


@pytest.mark.parametrize("known", [(0, 0), (700, 2)])
def test_an_anchor_that_does_not_name_the_head_has_it_read_from_the_entries(
    place: Path, known: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that was moved: the entries are read backwards, past any number that say nothing of it."""
    fillers, last = known
    monkeypatch.setattr(checkpointer, "READ_AGAIN", 0)
    home = open_home(place)
    append(home, *[administration() for _ in range(last + 1)])
    home.journal.append([Entry(access()) for _ in range(fillers)])
    home.journal.anchor()
    assert row_check.head_before(home.entries, home.journal.reader.size) == last
    anchor = home.journal.checkpointer._anchor
    held = anchor.read()
    assert held is not None
    assert held.administration == last
    assert anchor.advance(held.note, held._replace(administration=None))
    home.close()
    open_home(place).close()
    sql(place, "UPDATE tree SET administration = NULL", "DELETE FROM chain")
    with pytest.raises(HomeRefused, match="ends at"):
        open_home(place)


def test_a_head_set_back_under_an_open_home_is_not_anchored_nor_appended_to(lived: Path) -> None:
    """A row that the writer did not leave behind is looked at before anything rests on it."""
    home, reader = open_home(lived), open_home(lived)
    append(home, access())
    sql(lived, *SET_BACK)
    with pytest.raises(HomeRefused, match="ended at 2"):
        append(home, access())
    with pytest.raises(HomeRefused, match="ended at 2"):
        reader.journal.anchor()
    home.close()
    reader.close()


def test_a_time_set_ahead_under_an_open_home_is_not_appended_to(lived: Path) -> None:
    """One number in one row does not carry off the log's time, which never goes back."""
    home = open_home(lived)
    append(home, access())
    sql(lived, "UPDATE tree SET recorded = '2999-01-01T00:00:00.000000Z'")
    with pytest.raises(HomeRefused, match="recorded at '2999"):
        append(home, access())
    home.close()


def test_a_clock_far_behind_the_log_refuses_to_open(lived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five minutes are borne; beyond, the clock is wrong, or was when the last entry was recorded: look first."""
    last = clock.now()
    monkeypatch.setattr("byhand.clock.now", lambda: clock.after(last, seconds=-280))
    open_home(lived).close()
    monkeypatch.setattr("byhand.clock.now", lambda: clock.after(last, seconds=-320))
    with pytest.raises(HomeRefused, match="this machine's clock says") as refused:
        open_home(lived)
    assert "byhand doctor" in refused.value.advice


def test_a_restore_below_the_anchor_is_refused(place: Path, tmp_path: Path) -> None:
    """I8: a backup that lost anchored entries speaks no more, also when its tree is sound in itself."""
    home = open_home(place)
    append(home, access())
    home.close()
    shutil.copy(place / "log.db", tmp_path / "backup.db")
    home = open_home(place)
    append(home, access(), access())
    home.journal.anchor()
    home.close()
    shutil.copy(tmp_path / "backup.db", place / "log.db")
    with pytest.raises(HomeRefused, match="holds 1 entries, but 3 were anchored"):
        open_home(place)


# -- I2


@pytest.mark.parametrize("committed", [True, False])
def test_entries_tiles_and_tree_move_together_or_not_at_all(home: Home, committed: bool) -> None:
    """I2: whatever is committed, indexes are contiguous and the tree's size is their number; rolled back, all stays."""
    append(home, *[access() for _ in range(3)])

    def step(name: str) -> None:
        if name == "rows inserted" and not committed:
            raise RuntimeError("the process goes on, the batch does not")

    home.journal._sequencer._step = step
    group = [Entry(access()) for _ in range(300)]
    if committed:
        home.journal.append(group)
    else:
        with pytest.raises(LogUnavailable):
            home.journal.append(group)
    size = home.journal.reader.size
    assert size == (303 if committed else 3)
    assert [index for index, _ in home.entries.leaves(0, 1_000)] == list(range(size))
    assert (home.entries.tile(0, 0) is not None) == committed
    assert home.entries.strays(size) == []


def test_a_tree_that_moved_under_its_lock_is_refused(home: Home) -> None:
    """I2: rows that follow another size than the tree has now are not written, and the tree stays."""
    append(home, access())
    now = home.entries.tree()
    before = TreeRow(0, b"", "", None)
    with pytest.raises(LogUnavailable, match="the tree moved from size 0"), home.entries.transaction() as one:
        one.insert([], [], before, now._replace(size=2))
    assert home.entries.tree() == now


def test_the_head_of_administration_is_read_again_while_it_moves(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits between the two readings are no disagreement; one that stands is."""
    append(home, administration())
    real: Callable[[str], int | None] = home.entries.head
    moves = iter(range(3))

    def moving(chain: str) -> int | None:
        head = real(chain)
        if next(moves, None) is not None:
            append(home, administration())
        return head

    monkeypatch.setattr(home.entries, "head", moving)
    assert home.journal.reader.administration() == 3
    monkeypatch.setattr(home.entries, "head", lambda _: 0)
    with pytest.raises(HomeRefused, match="ends at 0, the tree says 3"):
        home.journal.reader.administration()
