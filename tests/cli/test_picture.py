# SPDX-License-Identifier: Apache-2.0
"""The picture of a timeline: what each line shows, and that it fits whatever shows it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.text import Text

from byhand import clock
from byhand.cli.picture import ASCII, AXIS_WIDTH_MIN, MARKS, Axis, Pens, draw
from byhand.client.desk import Act, Timeline
from byhand.control.query import PHASES
from byhand.control.timeline import window_of
from byhand.records.lifecycle import OPEN

NOW = "2026-11-23T03:00:00.000000Z"
ACT = Act(
    id="1",
    index=0,
    time="2026-11-23T02:30:00.000000Z",
    declared="2026-11-23T02:00:00.000000Z",
    ended="2026-11-23T02:30:00.000000Z",
    until=None,
    person="ada",
    action="trading.circuit_breaker.override",
    target="risk-gateway/circuit_breaker/MM-7",
    point="mm7",
    environment="production",
    tier="high",
    before="HALTED",
    after="ACTIVE",
    read_back=True,
    state="applied",
    reason="FALSE_POSITIVE: Stale quote.",
)
WAITING = replace(ACT, time="2026-11-23T02:45:00.000000Z", declared="2026-11-23T02:45:00.000000Z", ended=None,
                  state="pending", read_back=False, person="grace")  # fmt: skip


def picture(*acts: Act, width: int = 100, around: str | None = None, pens: Pens = ASCII) -> list[str]:
    """The lines, as plain text."""
    window = window_of(around, "1h") if around is not None else None
    return [line.plain.rstrip() for line in draw(Timeline(acts=acts, window=window), width, NOW, pens)]


def test_a_picture_shows_when_who_where_what_and_how_it_ended() -> None:
    """From declared to ended on one axis; what is open goes on until now; a value only declared is bracketed."""
    assert picture(ACT, WAITING) == [
        "2026-11-23  02:00    02:30",
        "UTC         +--------+--------",
        "02:30:00    =========*          ada    ~-gateway/circuit_breaker/MM-7  HALTED -> ACTIVE    * applied",
        "02:45:00                 ====>  grace  ~-gateway/circuit_breaker/MM-7  HALTED -> (ACTIVE)  > pending",
        "2 act(s) by 2 person(s), 1 still open; in brackets: declared, not read back",
    ]


def test_a_moment_stands_on_every_line() -> None:
    """The axis is the window then, also where nothing happened."""
    lines = picture(ACT, width=110, around="2026-11-23T02:00:00Z")
    assert lines[0] == "2026-11-23  01:00          02:00"
    assert lines[1] == "UTC         +--------------v---------------+"
    place = lines[1].index("v")
    assert [line[place] for line in lines[2:-1]] == ["="]
    empty = picture(replace(ACT, declared=ACT.time), width=110, around="2026-11-23T02:00:00Z")
    assert empty[2][place] == "|"


def test_a_change_for_a_while_is_dotted_until_its_end() -> None:
    """Behind the mark, as far as the axis goes."""
    for_a_while = replace(ACT, until="2026-11-23T02:50:00.000000Z")
    line = picture(for_a_while, width=120, around="2026-11-23T02:30Z")[2]
    assert line.startswith("02:30:00              ==========*-------                ada")


@pytest.mark.parametrize("phase", PHASES)
def test_every_state_has_its_mark(phase: str) -> None:
    """Of one character, in both sets; open states share one."""
    act = replace(WAITING if phase in OPEN else ACT, state=phase)
    for pens in (ASCII, Pens()):
        line = picture(act, pens=pens)[2]
        assert line.endswith(f" {phase}")
    assert (phase in MARKS) != (phase in OPEN)


@pytest.mark.parametrize("width", [20, 40, 60, 66, 80, 100, 160, 300])
@pytest.mark.parametrize("around", [None, "2026-11-23T02:30Z"])
def test_a_picture_fits(width: int, around: str | None) -> None:
    """Names of any length are cut, targets at their front; the state stays whole. Narrow ones have no axis."""
    long = replace(ACT, person="a" * 64, target="x" * 300 + "/MM-7", before="b" * 900, after="c" * 900)
    wide = replace(ACT, target="系统/断路器/" + "名" * 40 + "七", before="交易暂停", after="交易" * 40)
    lines = picture(ACT, WAITING, long, wide, width=width, around=around, pens=Pens())
    if width >= 66:
        assert max(map(cell_len, lines[:-1])) <= width
        assert len(lines) == 2 + 4 + 1
        assert all(line.endswith(("applied", "pending")) for line in lines[2:-1])
        assert "/MM-7" in lines[4]
        assert len(lines[1]) >= AXIS_WIDTH_MIN
    else:
        assert len(lines) == 3 * 4 + 1
        assert "c" * 900 in lines[8]


def test_what_persons_wrote_cannot_command_a_terminal() -> None:
    """Control characters and line ends in any column are shown escaped."""
    bad = "\x1b[2J\n\r\u202e"
    for width in (50, 120):
        text = "\n".join(picture(replace(ACT, person=bad, target=bad, before=bad, after=bad), width=width))
        assert not set(text) & set("\x1b\r\u202e")
        assert r"\x1b" in text


def test_dates_are_written_as_far_as_they_differ() -> None:
    """One day: times of day below it; one year: days; several years: whole dates."""
    later = replace(ACT, declared="2026-12-01T00:00:00.000000Z", time="2026-12-01T00:00:00.000000Z",
                    ended="2026-12-01T00:00:00.000000Z")  # fmt: skip
    next_year = replace(later, **dict.fromkeys(("declared", "time", "ended"), "2027-01-01T00:00:00.000000Z"))
    assert picture(ACT)[0].startswith("2026-11-23 ")
    assert [line[:15].strip() for line in picture(ACT, later)[:4]] == [
        "2026",
        "UTC",
        "11-23 02:30:00",
        "12-01 00:00:00",
    ]
    assert picture(later, next_year)[3].startswith("2027-01-01 00:00:00")


def test_a_single_moment_has_an_axis_as_well() -> None:
    """Acts of no length lie in its middle."""
    line = picture(replace(ACT, declared=ACT.time))[2]
    assert line[12:].strip().startswith("*")
    assert line.index("*") > 20


@pytest.mark.parametrize(
    ("end", "width", "labels"),
    [
        ("2026-11-23T02:00:10.000000Z", 30, ["02:00:00", "02:00:05"]),
        ("2026-11-23T04:00:00.000000Z", 30, ["02:00", "03:00"]),
        ("2026-11-24T12:00:00.000000Z", 40, ["12:00", "11-24"]),
        ("2027-02-23T02:00:00.000000Z", 40, ["2026-12-01", "2027-01-01", "2027-02-01"]),
        ("2066-11-23T02:00:00.000000Z", 60, ["2030-01-01", "2040-01-01", "2050-01-01", "2060-01-01"]),
    ],
)
def test_ticks_are_round_times_that_do_not_touch(end: str, width: int, labels: list[str]) -> None:
    """As many as fit, from seconds to years."""
    ticks = Axis("2026-11-23T02:00:00.000000Z", end, width).ticks()
    assert [label for _, label in ticks][: len(labels)] == labels
    places = [place for place, _ in ticks]
    assert places == sorted(places)
    assert all(0 <= place < width for place in places)


def test_times_outside_the_axis_lie_at_its_ends() -> None:
    """Nothing is drawn beside it."""
    axis = Axis("2026-11-23T02:00:00.000000Z", "2026-11-23T03:00:00.000000Z", 20)
    assert axis.place(clock.after(NOW, seconds=9_999)) == 19
    assert axis.place("2026-01-01T00:00:00.000000Z") == 0


def test_lines_are_coloured_by_what_came_of_them() -> None:
    """The state and the bar have the colour of the mark."""
    failed = replace(ACT, state="failed")
    line: Text = draw(Timeline(acts=(failed,)), 100, NOW, Pens())[2]
    assert MARKS["failed"].style in {str(span.style) for span in line.spans}
