# SPDX-License-Identifier: Apache-2.0
"""Reading what is recorded. Every read leaves an access record: who read what, and when."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter
from msgspec import structs

from byhand.cli.common import NOTHING_CHOSEN, OPTIONS, Common, RecordId
from byhand.cli.files import EXPORT, destination
from byhand.cli.opened import Opened, opened
from byhand.cli.output import (
    can_draw,
    form_of,
    say,
    show as show_fields,
    show_made,
    show_rows,
    wants_fields,
)
from byhand.client.desk import Changes, Desk, Facets, FoundRow, Shown, ShownEntry
from byhand.errors import Invalid

FACET_LINES_MAX = 8  # of one facet in a table: nine facets fit two screens; JSON has all
BAR_LENGTH = 20
BAR, BAR_ASCII = "█", "#"
Because: TypeAlias = Annotated[
    str | None,
    Parameter(
        name=("--because", "--why"),
        help="Why you read it, for the access record. Records of a class from confidential on demand it.",
    ),
]
Pseudonyms: TypeAlias = Annotated[
    bool,
    Parameter(
        negative=(), help="Show persons under pseudonyms: the same for the same person, in this home alone."
    ),
]
COLUMNS = ("declared", "id", "person", "action", "target", "state", "reason")


def show(
    id_: RecordId,
    /,
    *,
    because: Because = None,
    pseudonyms: Pseudonyms = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Show everything recorded about an intervention, or one record.

    **Example**

    ```console
    $ byhand show 019a5d0c-8a3e
    $ byhand show 019a5d0c-8a3e --output json
    $ byhand show 019a5d0c-8a3e --because "Quarterly review of the trading desk."
    ```

    Parameters
    ----------
    id_
        An intervention or a record; its beginning is enough.
    """
    with opened(common) as one:
        found = desk_of(one, pseudonyms=pseudonyms).show(id_, reason=because)
        if form_of(common) == "table":
            _show_table(found, common)
        elif form_of(common) == "ndjson":
            show_rows((_whole(entry) for entry in found.entries), common)
        else:
            entries = [_whole(entry) for entry in found.entries]
            shown = {"id": found.id, "state": found.state, "standard": found.standard, "entries": entries}
            show_fields(shown, common)


def _show_table(found: Shown, common: Common) -> None:
    show_fields({"Id": found.id, "State": found.state, **found.standard}, common)
    show_rows([_line(entry) for entry in found.entries], common)


def _whole(entry: ShownEntry) -> dict[str, object]:
    """An entry for machines; its standard row is what people see of it."""
    return {name: value for name, value in structs.asdict(entry).items() if name != "row"}


def _line(entry: ShownEntry) -> dict[str, object]:
    row = entry.row
    return {
        "index": entry.index,
        "recorded": entry.leaf["recorded"],
        "record": row.get("Action_Type") or entry.leaf["kind"],
        "who": row.get("Actor_ID", ""),
        "value": row.get("New_Value", ""),
        "words": row.get("Justification_Reason", "") if entry.record is not None else "$erased",
    }


def search(
    *query: Annotated[str, Parameter(allow_leading_hyphen=True)],
    facets: bool = False,
    limit: int = 50,
    before: int | None = None,
    pseudonyms: Pseudonyms = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Search interventions by `field:value` terms and words, newest first.

    Fields: actor (or person), target, system, type, point, action, reason, environment, state (`state:open`),
    risk (or tier; `risk:>=high`), class, id, cause; in UTC and as short as `2026-11`: at, before, after, declared,
    changed (`declared:2026-11-01..2026-11-07`). Commas separate alternatives, a `-` before a term excludes, `*` at
    the end of a value stands for any ending, quotation marks keep words together and letter for letter. Every
    field with an example: docs/reference/query.md

    **Example**

    ```console
    $ byhand search 'target:MM-7 before:2026-11-23T03:00Z'
    $ byhand search 'risk:>=high -state:applied,lapsed at:2026-11 "index rebalance"'
    $ byhand search --facets reason:FALSE_POSITIVE
    ```

    Parameters
    ----------
    query
        Terms and words; all must fit.
    facets
        How many there are, by state, person, action, system, point, risk, reason, environment and day.
    limit
        How many to show.
    before
        Go on where the last page ended.
    """
    words = query_of(query, ("--facets", "--limit", "--before", "--pseudonyms"))
    with opened(common) as one:
        desk = desk_of(one, pseudonyms=pseudonyms)
        if facets:
            _show_facets(desk.facets(words), common)
            return
        page = desk.search(words, limit=limit, before=before)
        rows = [_row(row) for row in page.rows]
        show_rows(rows, common, columns=COLUMNS, empty="nothing was found")
        if page.following is not None:
            say(f"there are more: --before {page.following}")


def _show_facets(found: Facets, common: Common) -> None:
    listed = {
        facet.by: {
            "values": [{"value": one.value, "count": one.count} for one in facet.values],
            "others": facet.others,
        }
        for facet in found.facets
    }
    if form_of(common) != "table":
        show_fields({"total": found.total, "at_least": found.at_least, "facets": listed}, common)
        return
    show_rows(list(_facet_lines(found)), common, empty="nothing was found")
    if found.at_least:
        say(f"there are more than {found.total}: the newest {found.total} were counted")
    elif found.total:
        say(f"{found.total} intervention(s)")


def _facet_lines(found: Facets) -> Iterator[dict[str, object]]:
    """A line for each value: how often it occurs, and its share as a bar."""
    bar = BAR if can_draw(BAR) else BAR_ASCII
    for facet in found.facets:
        for number, one in enumerate(facet.values[:FACET_LINES_MAX]):
            share = bar * max(1, round(BAR_LENGTH * one.count / found.total))
            name = "" if number else facet.by
            yield {"by": name, "value": one.value, "count": one.count, "share": share}
        left = max(0, len(facet.values) - FACET_LINES_MAX) + facet.others
        if left:
            yield {"by": "", "value": f"({left} more)", "count": None, "share": None}


def desk_of(one: Opened, *, pseudonyms: bool) -> Desk:
    """The reader's desk, showing persons as was asked for."""
    return one.desk.veiled() if pseudonyms else one.desk


def say_withheld(count: int) -> None:
    """Tell that something is there and not shown, and how to see it."""
    if count:
        say(f'{count} of them are of a class that demands a reason; to see them whole: --because "TEXT"')


def query_of(words: Sequence[str], options: Sequence[str]) -> str:
    """The words as one query; raises Invalid for a misspelt option, which would exclude what it names."""
    for word in words:
        if word.startswith("--"):
            name = word.partition("=")[0]
            near = difflib.get_close_matches(name, (*options, *OPTIONS), n=1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise Invalid(f'Unknown option: "{name}".{hint}', advice="To search for it: '\"...words...\"'")
    return " ".join(words)


def _row(row: FoundRow) -> dict[str, object]:
    return {
        "declared": row.declared,
        "id": row.id,
        "person": row.person,
        "action": row.action,
        "target": row.target,
        "point": row.point,
        "environment": row.environment,
        "tier": row.tier,
        "reason": row.reason,
        "state": row.state,
        "classification": row.classification,
        "changed": row.changed,
        "index": row.index,
    }


def diff(
    id_: RecordId,
    /,
    *,
    because: Because = None,
    pseudonyms: Pseudonyms = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Show where the value before, the value declared and the value found differ.

    **Example**

    ```console
    $ byhand diff 019a5d0c-8a3e
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    """
    with opened(common) as one:
        changes = desk_of(one, pseudonyms=pseudonyms).diff(id_, reason=because)
        rows = _differences(changes)
        show_rows(rows, common, columns=("field", "before", "declared", "found"), empty="nothing differs")
        if changes.found is None:
            say("no value was read back" + (f" ({changes.outcome})" if changes.outcome else ""))


def _differences(changes: Changes) -> list[dict[str, object]]:
    rows: dict[str, dict[str, object]] = {}
    for name, differences in (("declared", changes.declared), ("found", changes.found or ())):
        for one in differences:
            row = rows.setdefault(one.pointer, {"field": one.pointer, "before": one.before})
            row[name] = one.after
    names = ("field", "before", "declared", "found")
    return [{name: rows[pointer].get(name) for name in names} for pointer in sorted(rows)]


def export(
    *query: Annotated[str, Parameter(allow_leading_hyphen=True)],
    format: Literal["csv", "ndjson", "json"] | None = None,  # noqa: A002 - the option's name
    rows: Literal["interventions", "records"] = "interventions",
    file: Path | None = None,
    force: Annotated[bool, Parameter(negative=())] = False,
    because: Because = None,
    pseudonyms: Pseudonyms = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Export what a query finds, under exactly the seven names that auditors expect.

    Timestamp, Actor_ID, Action_Type, Target_System, Original_Value, New_Value, Justification_Reason.

    **Example**

    ```console
    $ byhand export --format csv --file 2026-11.csv at:2026-11
    $ byhand export --format ndjson --rows records 'target:MM-7'
    ```

    Parameters
    ----------
    query
        As for search; nothing exports everything.
    format
        csv: for spreadsheets. ndjson: one JSON object a line. json: one list. Default: as `--output` says, else csv.
    rows
        One row for each intervention, or for each record.
    file
        Write there instead of standard output. An earlier export is replaced, another file is not.
    force
        Replace whatever file is there.
    """
    words = query_of(query, ("--format", "--rows", "--file", "--force", "--because", "--pseudonyms"))
    form = format or ("csv" if common.output in (None, "table") else common.output)
    place = destination(file, EXPORT, force=force) if file is not None else None
    with opened(common) as one:
        kept: Literal["csv", "ndjson"] = "csv" if form == "csv" else "ndjson"
        desk = desk_of(one, pseudonyms=pseudonyms)
        lines: Iterable[str] = desk.export(words, rows=rows, form=kept, reason=because)
        if form == "json":
            lines = _as_list(lines)
        if place is None:
            show_made(lines)
            return
        size = place.write(line.encode() for line in lines)
        if wants_fields(common):
            show_fields({"file": str(file), "bytes": size}, common)
        say(f"written: {file}")


def _as_list(objects: Iterable[str]) -> Iterator[str]:
    """Objects one a line as one JSON list, made on the way."""
    between = "[\n"
    for one in objects:
        yield between + one.rstrip("\n")
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"
