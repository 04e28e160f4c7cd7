# SPDX-License-Identifier: Apache-2.0
"""What byhand said of acts, why, and what became of it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import orjson
from cyclopts import Parameter

from byhand import clock
from byhand.cli.commands.reading import BAR, BAR_ASCII, Because, desk_of, say_withheld
from byhand.cli.common import NOTHING_CHOSEN, Common, RecordId
from byhand.cli.opened import opened
from byhand.cli.output import can_draw, form_of, say, show as show_fields, show_recorded, show_rows
from byhand.client.contract import FindingRequest
from byhand.client.desk import Shown, ShownEntry
from byhand.errors import Invalid, NotFound
from byhand.ids import new_record_id
from byhand.records.kinds import Expectation
from byhand.records.standard import WITHHELD

BAR_LENGTH = 30
COLUMNS = ("recorded", "id", "about", "summary")
_DAYS = re.compile(r"([0-9]{1,3})d")
Names = Annotated[bool, Parameter(help="Show who it was by name; otherwise by pseudonym.", negative=())]


def unusual(
    id_: Annotated[str | None, Parameter(name="ID")] = None,
    /,
    *,
    names: Names = False,
    limit: int = 50,
    because: Because = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """List what was said to be unusual, newest first; with an ID, why: each reason with its weight.

    Unusual is unlike what this person usually does. It says nothing about right or wrong. Persons are shown under
    their pseudonyms unless you ask for names.

    **Example**

    ```console
    $ byhand unusual
    $ byhand unusual 019a5d0c-8a3e
    ```

    Parameters
    ----------
    id_
        The act, or what was said of it; its beginning is enough.
    limit
        How many to list.
    """
    with opened(common) as one:
        desk = desk_of(one, pseudonyms=not names)
        if id_ is not None:
            _show(desk.show(id_, reason=because), common)
            return
        page = desk.findings("type:alert verdict:unusual", limit=limit, reason=because)
        rows = [{name: getattr(row, name) for name in COLUMNS} for row in page.rows]
        show_rows(rows, common, columns=COLUMNS, empty="nothing was said to be unusual")
        say_withheld(sum(row.summary == WITHHELD for row in page.rows))


def _show(shown: Shown, common: Common) -> None:
    said = [entry for entry in shown.entries if _is_said(entry)]
    if not said:
        raise NotFound("nothing unusual was said of it", advice="See what was: byhand unusual")
    record = said[-1].record or {}
    told = orjson.loads(record["value"]["text"]) if record.get("value") else {"reasons": []}
    reasons: list[dict[str, Any]] = told["reasons"]
    whose = shown.standard.get("Actor_ID", "")
    if form_of(common) != "table":
        show_fields(
            {
                "id": record["id"],
                "about": record["about"],
                "person": whose,
                "reasons": reasons,
                **_score(told),
            },
            common,
        )
        return
    show_fields({"Id": record["id"], "About": record["about"], "Person": whose, **shown.standard}, common)
    show_rows(_bars(reasons), common, columns=("weight", "bits", "reason"), empty="")


def _score(told: dict[str, Any]) -> dict[str, Any]:
    return {"score": told["score"]} if "score" in told else {}


def _is_said(entry: ShownEntry) -> bool:
    record = entry.record or {}
    return record.get("type") == "alert" and record.get("verdict") == "unusual"


def _bars(reasons: list[dict[str, Any]]) -> list[dict[str, object]]:
    """A bar for each reason, as long as it counts."""
    bar = BAR if can_draw(BAR) else BAR_ASCII
    most = max((reason["bits"] for reason in reasons), default=1.0)
    return [
        {
            "weight": bar * max(1, round(BAR_LENGTH * reason["bits"] / most)),
            "bits": reason["bits"],
            "reason": reason["words"],
        }
        for reason in reasons
    ]


def disposition(
    id_: RecordId,
    /,
    *,
    as_: Annotated[Literal["expected", "true", "noise"], Parameter(name="--as")],
    because: Annotated[str, Parameter(name="--because")],
    scope: Literal["target", "action", "person"] | None = None,
    until: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Say what became of an alert: it was expected, it truly was what it said, or it was noise.

    What is said of your own act is for others to judge. Of an act that was expected, or noise, the habits of its
    person are learned; of one that truly was unusual they are not.

    **Example**

    ```console
    $ byhand disposition 019a5d0c-8a3e --as expected --because "She was on call for the database that night."
    $ byhand disposition 019a5d0c-8a3e --as expected --because "On call all week." --scope target --until 7d
    ```

    Parameters
    ----------
    id_
        The alert; its beginning is enough.
    as_
        What it was.
    because
        What you found.
    scope
        Expect acts like it from now on: of this person at this target, with this action, or all of them.
    until
        Until when: days like 7d, or a time like 2026-12-01T00:00:00.000000Z.
    """
    if (scope is None) != (until is None):
        raise Invalid("--scope and --until go together", advice="Say what is to be expected, and until when.")
    with opened(common) as one:
        named = one.desk.resolve(id_)
        record = _alert(one.desk.show(named, reason=because), named)
        finding = FindingRequest(
            record=new_record_id(),
            intervention=record["intervention"],
            type="disposition",
            summary=because,
            verdict=as_,
            about=record["id"],
            expectation=Expectation(scope=scope, until=_until(until)) if scope and until else None,
        )
        acknowledgement = one.desk.conclude_afterwards(finding)
        say("recorded beside the alert")
        fields = {"record": acknowledgement.record, "index": acknowledgement.index}
        show_recorded(fields, common, recorded=acknowledgement.record)


def _alert(shown: Shown, named: str) -> dict[str, Any]:
    """The alert with this id, or the only one about it; never another of the same intervention."""
    records = [entry.record for entry in shown.entries if entry.record is not None]
    alerts = [record for record in records if record.get("type") == "alert"]
    advice = "See them with: byhand finding list type:alert"
    for by in ("id", "about", "intervention"):
        found = [record for record in alerts if record[by] == named]
        if len(found) > 1:
            raise Invalid(f"there are {len(found)} alerts about {named}: name one of them", advice=advice)
        if found:
            return found[0]
    raise NotFound(f"{named} is no alert", advice=advice)


def _until(text: str) -> str:
    days = _DAYS.fullmatch(text)
    return clock.after(clock.now(), seconds=int(days[1]) * 86_400) if days is not None else text
