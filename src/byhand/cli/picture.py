# SPDX-License-Identifier: Apache-2.0
"""A timeline as a picture: one line for each act, its place on an axis of time, and what came of it by its mark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from byhand import clock
from byhand.client.desk import Act, Timeline
from byhand.records.visible import visible

if TYPE_CHECKING:
    from rich.text import Text  # loaded where a picture is drawn

AXIS_WIDTH_MIN = 12  # characters: a shorter axis tells no more than the times beside it
AXIS_WIDTH_MAX = 72  # beyond it the eye loses the line on the way to the name
TIME_WIDTH_MIN = 10  # characters: a day stands above the times
TICK_GAP_MIN = 3  # characters between the labels of two ticks, so that they do not touch
PERSON_WIDTH_MAX = 16  # a login name; longer ones are cut
TARGET_WIDTH_MAX = 30  # the end of it tells one from the other, so the beginning is cut
CHANGE_WIDTH_MAX = 30  # two words and an arrow; byhand show has all of it
CUT_WIDTH_MIN = 8  # characters below which a cut column says nothing
PAD_SECONDS = 1  # on both sides of a single moment
GAP = "  "
MONTH = 2_592_000
STEPS = (
    1, 5, 10, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    MONTH, 3 * MONTH, 12 * MONTH, 120 * MONTH,
)  # fmt: skip
"""Seconds between two ticks; from a month on in months of thirty days."""


class Mark(NamedTuple):
    """How a state is drawn: on any terminal, on one that knows ASCII only, in colour, and what it means."""

    sign: str
    plain: str
    style: str


MARKS = {
    "applied": Mark("●", "*", "green"),
    "failed": Mark("✗", "x", "bold red"),
    "unknown": Mark("?", "?", "bold magenta"),
    "observed": Mark("◆", "#", "magenta"),
    "explained": Mark("◇", "#", "magenta"),
    "refused": Mark("⊘", "/", "red"),
    "withdrawn": Mark("○", "o", "dim"),
    "abandoned": Mark("○", "o", "dim"),
    "lapsed": Mark("○", "o", "dim"),
    "void": Mark("○", "o", "dim"),
}
OPEN = Mark("▶", ">", "yellow")
"""Declared, pending, approved, permitted, redeemed: something may still follow."""


@dataclass(frozen=True, slots=True)
class Pens:
    """The characters of a picture."""

    line: str = "━"
    effect: str = "┄"
    moment: str = "│"
    pointer: str = "▼"
    ruler: str = "─"
    tick: str = "┬"
    arrow: str = "→"
    cut: str = "…"
    ascii: bool = False


ASCII = Pens("=", "-", "|", "v", "-", "+", "->", "~", ascii=True)


class Axis:
    """A span of time on so many characters."""

    def __init__(self, start: str, end: str, width: int) -> None:
        self._start, self._end = clock.parse(start), clock.parse(end)
        self.width = width

    def place(self, time: str) -> int:
        """The character where ``time`` is, or the nearest one."""
        part = (clock.parse(time) - self._start) / (self._end - self._start)
        return min(self.width - 1, max(0, int(part * self.width)))

    def ticks(self) -> list[tuple[int, str]]:
        """Characters with a tick, and what is written there: round times, as many as fit."""
        length = (self._end - self._start).total_seconds()
        fitting = (
            step
            for step in STEPS
            if length / step * (len(_label(self._start, step)) + TICK_GAP_MIN) <= self.width
        )
        step = next(fitting, STEPS[-1])
        within = (time for time in self._round(step) if self._start <= time < self._end)
        return [(self.place(clock.write(time)), _label(time, step)) for time in within]

    def _round(self, step: int) -> Iterator[datetime]:
        """Times that ``step`` divides; whole months and years where it is as long."""
        if step < MONTH:
            first = int(self._start.timestamp()) // step * step
            yield from (datetime.fromtimestamp(first + step * n, UTC) for n in range(self.width + 1))
            return
        months = step // MONTH
        first = (self._start.year * 12 + self._start.month - 1) // months * months
        for month in range(first, first + months * (self.width + 1), months):
            yield datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _label(time: datetime, step: int) -> str:
    if step >= 86_400:  # noqa: PLR2004 - a day
        return f"{time:%Y-%m-%d}"
    if step >= 60 and (time.hour, time.minute) == (0, 0):  # noqa: PLR2004 - a minute
        return f"{time:%m-%d}"
    return f"{time:%H:%M}" if step >= 60 else f"{time:%H:%M:%S}"  # noqa: PLR2004 - a minute


def draw(timeline: Timeline, width: int, now: str, pens: Pens) -> list[Text]:
    """The lines of the picture: an axis, the acts, and how many there are; where it is narrow, no axis."""
    from rich.text import Text

    acts = timeline.acts
    columns = _columns(acts, width, pens)
    left = max(TIME_WIDTH_MIN, len(columns[0][0]))
    axis = _axis(
        timeline, now, width - left - sum(len(GAP) + cell_width(cell) for cell in columns[0][1:]) - len(GAP)
    )
    if axis is None:
        return [*_blocks(acts, pens), _legend(acts)]
    lines = [_labels(axis, left, acts), _ruler(axis, left, timeline, pens)]
    for act, (time, *cells, state) in zip(acts, columns, strict=True):
        line = Text(time.ljust(left)).append(GAP).append_text(_bar(act, axis, timeline, now, pens))
        for cell in cells:
            line.append(GAP).append(cell)
        lines.append(line.append(GAP).append(state.rstrip(), style=_mark(act).style))
    return [*lines, _legend(acts)]


def cell_width(text: str) -> int:
    """Characters of a terminal that ``text`` takes."""
    from rich.cells import cell_len

    return cell_len(text)


def _blocks(acts: Sequence[Act], pens: Pens) -> Iterator[Text]:
    """An act in three lines, each as long as it is."""
    from rich.text import Text

    for act, time in zip(acts, _times(acts), strict=True):
        state = f"{_sign(act, pens)} {act.state}"
        yield Text(f"{time}{GAP}").append(state, style=_mark(act).style).append(f"{GAP}{visible(act.person)}")
        yield Text(f"{GAP}{visible(act.target)}")
        yield Text(f"{GAP}{_change(act, pens)}")


def _columns(acts: Sequence[Act], width: int, pens: Pens) -> list[list[str]]:
    """Time, person, target, change and state of each act, as wide as there is room for."""
    times = _times(acts)
    persons = [visible(act.person) for act in acts]
    targets = [visible(act.target) for act in acts]
    changes = [_change(act, pens) for act in acts]
    states = [f"{_sign(act, pens)} {act.state}" for act in acts]
    widths = [
        min(limit, max(map(cell_width, column)))
        for column, limit in (
            (persons, PERSON_WIDTH_MAX),
            (targets, TARGET_WIDTH_MAX),
            (changes, CHANGE_WIDTH_MAX),
        )
    ]
    fixed = max(TIME_WIDTH_MIN, *map(len, times)) + max(map(len, states)) + 5 * len(GAP) + AXIS_WIDTH_MIN
    while fixed + sum(widths) > width and max(widths) > CUT_WIDTH_MIN:
        widths[widths.index(max(widths))] -= 1
    person, target, change = widths
    return [
        [
            time,
            _cut(who, person, pens),
            _cut_front(what, target, pens),
            _cut(how, change, pens),
            state.ljust(max(map(len, states))),
        ]
        for time, who, what, how, state in zip(times, persons, targets, changes, states, strict=True)
    ]


def _times(acts: Sequence[Act]) -> list[str]:
    """Times of day, with the date where there are several."""
    days = {act.time[:10] for act in acts}
    years = {day[:4] for day in days}
    begin = 11 if len(days) == 1 else 5 if len(years) == 1 else 0
    return [act.time[begin:19].replace("T", " ") for act in acts]


def _change(act: Act, pens: Pens) -> str:
    """Before and after; a value that was only declared stands in brackets."""
    after = visible(act.after) if act.read_back else f"({visible(act.after)})"
    return f"{visible(act.before)} {pens.arrow} {after}"


def _cut(text: str, width: int, pens: Pens) -> str:
    """``text`` on exactly ``width`` characters of a terminal, where some letters take two."""
    from rich.cells import set_cell_size

    return (
        set_cell_size(text, width) if cell_width(text) <= width else set_cell_size(text, width - 1) + pens.cut
    )


def _cut_front(text: str, width: int, pens: Pens) -> str:
    return _cut(text, width, pens) if cell_width(text) <= width else _cut(text[::-1], width, pens)[::-1]


def _mark(act: Act) -> Mark:
    return MARKS.get(act.state, OPEN)


def _sign(act: Act, pens: Pens) -> str:
    return _mark(act).plain if pens.ascii else _mark(act).sign


def _axis(timeline: Timeline, now: str, width: int) -> Axis | None:
    """The window, or from the first act to the last; nothing where there is no room."""
    if width < AXIS_WIDTH_MIN:
        return None
    if timeline.window is not None:
        return Axis(timeline.window.start, timeline.window.end, min(width, AXIS_WIDTH_MAX))
    start = min(act.declared for act in timeline.acts)
    end = max(act.ended or now for act in timeline.acts)
    if clock.parse(end) - clock.parse(start) < timedelta(seconds=PAD_SECONDS):
        start, end = clock.after(start, seconds=-PAD_SECONDS), clock.after(end, seconds=PAD_SECONDS)
    return Axis(start, end, min(width, AXIS_WIDTH_MAX))


def _labels(axis: Axis, left: int, acts: Sequence[Act]) -> Text:
    """What the ticks mean, behind the day or year that all acts are of."""
    from rich.text import Text

    line = ""
    for place, label in axis.ticks():
        if place + len(label) <= axis.width:
            line = line.ljust(place) + label
    days = {act.time[:10] for act in acts}
    years = {day[:4] for day in days}
    common = next(iter(days)) if len(days) == 1 else next(iter(years)) if len(years) == 1 else ""
    return Text(common.ljust(left) + GAP + line, style="dim")


def _ruler(axis: Axis, left: int, timeline: Timeline, pens: Pens) -> Text:
    from rich.text import Text

    cells = [pens.ruler] * axis.width
    for place, _ in axis.ticks():
        cells[place] = pens.tick
    line = Text(f"{'UTC':{left}}{GAP}", style="dim")
    if timeline.window is None:
        return line.append("".join(cells))
    at = axis.place(timeline.window.moment)
    return (
        line.append("".join(cells[:at]))
        .append(pens.pointer, style="bold red")
        .append("".join(cells[at + 1 :]))
    )


def _bar(act: Act, axis: Axis, timeline: Timeline, now: str, pens: Pens) -> Text:
    """From declared to ended, the mark at its end, and behind it how long the change is to last."""
    from rich.text import Text

    mark = _mark(act)
    cells, styles = [" "] * axis.width, [""] * axis.width
    begin, end = axis.place(act.declared), axis.place(act.ended or now)
    if timeline.window is not None:
        at = axis.place(timeline.window.moment)
        cells[at], styles[at] = pens.moment, "red"
    if act.until is not None:
        for place in range(end, axis.place(act.until) + 1):
            cells[place], styles[place] = pens.effect, mark.style
    for place in range(begin, end):
        cells[place], styles[place] = pens.line, mark.style
    cells[end], styles[end] = _sign(act, pens), mark.style
    bar = Text()
    for cell, style in zip(cells, styles, strict=True):
        bar.append(cell, style=style)
    return bar


def _legend(acts: Sequence[Act]) -> Text:
    from rich.text import Text

    persons = len({act.person for act in acts})
    open_acts = sum(act.ended is None for act in acts)
    told = f"{len(acts)} act(s) by {persons} person(s)" + (f", {open_acts} still open" if open_acts else "")
    brackets = "; in brackets: declared, not read back" if not all(act.read_back for act in acts) else ""
    return Text(f"{told}{brackets}", style="dim")
