# SPDX-License-Identifier: Apache-2.0
"""The inventory of intervention points; each change is signed by an officer, from two of them on by two."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from byhand.cli import signing
from byhand.cli.common import NOTHING_CHOSEN, Common, Many
from byhand.cli.opened import opened
from byhand.cli.output import say, show, show_rows
from byhand.cli.places import probe_from, split_target
from byhand.control.administration import record_with
from byhand.errors import Fault, Invalid
from byhand.records.classification import CLASSES
from byhand.records.intervention import Mode, Tier
from byhand.records.kinds import Administration, Point
from byhand.trust import administration

IMPORT_BYTES_MAX = 16 * 1024 * 1024  # thousands of points; more is no inventory that people keep
KEPT_HELP = f"How carefully its records are kept: {', '.join(CLASSES)}. From confidential on, reading demands a reason."
COLUMNS = ("name", "mode", "tier", "action", "target", "owner", "environment")


def list_points(*, common: Common = NOTHING_CHOSEN) -> None:
    """List the intervention points.

    **Example**

    ```console
    $ byhand point list
    $ byhand point list --output ndjson
    ```
    """
    with opened(common) as one:
        one.backend.identity()
        rows = [_fields(point) for point in one.home.points.all()]
        show_rows(rows, common, columns=COLUMNS, empty="no point is registered yet: byhand point add --help")


def _fields(point: Point) -> dict[str, object]:
    place = f"{point.system}/{point.type}/{point.id}" + (f"#{point.field}" if point.field else "")
    return {**msgspec.to_builtins(point), "mode": point.mode, "tier": point.tier, "target": place,
            "environment": point.environment}  # fmt: skip


def show_point(name: str, /, *, common: Common = NOTHING_CHOSEN) -> None:
    """Show one intervention point, with the reason codes that may justify an act there.

    **Example**

    ```console
    $ byhand point show mm7-breaker
    ```

    Parameters
    ----------
    name
        The point's name.
    """
    with opened(common) as one:
        view = one.acting().point(name)  # kept for an outage, where the settings say so
        show({**_fields(view.point), "reasons": [reason.code for reason in view.reasons]}, common)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The options that say what a point is."""

    action: Annotated[str, Parameter(help="What is done there: area.object.verb.")]
    target: Annotated[str, Parameter(help="Where: system/type/id.")]
    owner: Annotated[str, Parameter(help="The person who answers for it.")]
    field: Annotated[str, Parameter(help="JSON pointer of the field within the target.")] = ""
    team: Annotated[str | None, Parameter(help="The owner's team.")] = None
    environment: Annotated[str, Parameter(help="E.g. production, staging.")] = "production"
    tier: Annotated[Tier, Parameter(help="What an act there may cost.")] = "high"
    mode: Annotated[
        Mode,
        Parameter(
            help="observe: record. warn: as observe, and the record says so. enforce: no permit, no act."
        ),
    ] = "observe"
    reason: Annotated[
        Many,
        Parameter(
            help="A reason code that may justify an act there; may be repeated. Default: all that fit the action."
        ),
    ] = ()
    probe: Annotated[
        str | None, Parameter(help="How its value is read: file:PATH#POINTER, or command:PROGRAM.")
    ] = None
    ignore: Annotated[Many, Parameter(help="JSON pointer that comparison leaves out; may be repeated.")] = ()
    secret: Annotated[Many, Parameter(help="JSON pointer that is always secret; may be repeated.")] = ()
    circle: Annotated[str | None, Parameter(help="Who is on call for it.")] = None
    approvals: Annotated[
        int | None,
        Parameter(help="How many others must approve; never fewer than the tier: high 1, critical 2."),
    ] = None
    approvals_above: Annotated[
        str | None, Parameter(help="A change by more than this number takes one approval more.")
    ] = None
    approver: Annotated[
        Many, Parameter(help="A role that a different one of those who approve must hold; may be repeated.")
    ] = ()
    review_by: Annotated[str | None, Parameter(help="When somebody looks at it again, e.g. 2027-01-31.")] = (
        None
    )
    retention_class: Annotated[str, Parameter(help="How long its records are kept.")] = "default-7y"
    classification: Annotated[str, Parameter(help=KEPT_HELP)] = "internal"

    def point(self, name: str) -> Point:
        """The point of this name; raises Invalid when its target is not valid."""
        system, kind, id_ = split_target(self.target)
        return Point(
            name=name, action=self.action, system=system, type=kind, id=id_, field=self.field, owner=self.owner,
            team=self.team, environment=self.environment, tier=self.tier, reasons=self.reason,
            probe=probe_from(self.probe), ignore=self.ignore, secrets=self.secret, circle=self.circle, mode=self.mode,
            approvals=self.approvals, approvals_above=self.approvals_above, approvers=self.approver,
            review_by=self.review_by, retention_class=self.retention_class, classification=self.classification,
        )  # fmt: skip


def _say_class(point: Point) -> None:
    """Tell what a class means that is none of ours: whoever mistyped one should know it now."""
    if point.classification not in CLASSES:
        say(f"{point.classification!r} is none of {', '.join(CLASSES)}: it counts as confidential")


def add(
    name: str,
    /,
    *,
    described: Described,
    proposal: Path | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    r"""Register an intervention point, or change one (name every field again).

    **Example**

    ```console
    $ byhand point add mm7-breaker --action trading.circuit_breaker.override \
        --target risk-gateway/circuit_breaker/MM-7 --owner ada.lovelace --tier high --mode enforce
    $ byhand point add max-notional --action trading.limit.raise --target risk-gateway/limits/ACME \
        --owner ada.lovelace --field /max_notional --probe file:/etc/risk/limits.yaml#/max_notional
    ```

    Parameters
    ----------
    name
        Short, in small letters: people type it in a hurry.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        point = described.point(name)
        _say_class(point)
        settled = signing.settle(one, [signing.change(one, _record(point))], proposal)
        settled.show(common)
        say(f"{len(settled.recorded)} change(s) recorded")
        return settled.code


def _record(point: Point, action: str = administration.POINT_SET) -> Administration:
    kept = None if action == administration.POINT_RETIRE else point
    return record_with(action, point.name, point=kept)


def import_points(file: Path, /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN) -> int:
    """Register every point of a TOML file (`[[point]]` tables) or of a JSON list, as `point list` writes it.

    Points that are as they should be already are left alone.

    **Example**

    ```console
    $ byhand point import points.toml
    $ byhand point list --output json > points.json && byhand --home ./other point import points.json
    ```

    Parameters
    ----------
    file
        The file.
    proposal
        The file for the second officer.
    """
    points = read_points(file)
    with opened(common) as one:
        known = {point.name: point for point in one.home.points.all()}
        new = [point for point in points if known.get(point.name) != point]
        for point in new:
            _say_class(point)
        say(f"{len(points) - len(new)} of {len(points)} points are like this already")
        proposals = [signing.change(one, _record(point)) for point in new]
        settled = signing.settle(one, proposals, proposal)
        settled.show(common, many=True)
        say(f"{len(settled.recorded)} point(s) recorded")
        return settled.code


def read_points(file: Path) -> list[Point]:
    """The points in ``file``; raises Invalid naming every one that is not of its form."""
    try:
        data = file.read_bytes()[: IMPORT_BYTES_MAX + 1]
        text = data.decode("utf-8")
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is no text: {error}") from error
    if len(data) > IMPORT_BYTES_MAX:
        raise Invalid(f"{file} has more than {IMPORT_BYTES_MAX} bytes")
    try:
        listed = msgspec.json.decode(text) if _is_json(text) else tomllib.loads(text).get("point")
    except (msgspec.DecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{file} is neither TOML nor a JSON list: {error}") from error
    if not isinstance(listed, list) or not listed:
        raise Invalid(f"{file} names no point", advice="TOML: [[point]] tables. JSON: a list of objects.")
    return _points(listed, file)


def _is_json(text: str) -> bool:
    """Whether ``text`` is a JSON list; a TOML file of points begins with ``[[point]]``, or a comment."""
    return re.match(r"\s*\[\s*[{\]]", text) is not None


def _points(listed: list[object], file: Path) -> list[Point]:
    points: list[Point] = []
    faults: list[Fault] = []
    for number, one in enumerate(listed):
        fields = dict(one) if isinstance(one, dict) else {}
        fields.pop("target", None)  # written by `point list` for people; system, type and id say it
        unknown = sorted(set(fields) - set(Point.__struct_fields__))
        if unknown:
            faults.append(Fault(f"/{number}", f"has unknown fields: {', '.join(unknown)}"))
            continue
        try:
            points.append(msgspec.convert(fields, Point))
        except msgspec.ValidationError as error:
            faults.append(Fault(f"/{number}", str(error)))
    if faults:
        raise Invalid(f"the points in {file} are not valid", tuple(faults))
    return points


def mode(name: str, mode: Mode, /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN) -> int:
    """Let a point's gate observe, warn or enforce.

    **Example**

    ```console
    $ byhand point mode mm7-breaker enforce
    ```

    Parameters
    ----------
    name
        The point's name.
    mode
        observe: record. warn: as observe; the record says so. enforce: no permit, no act.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        point = msgspec.structs.replace(one.home.points.get(name), mode=mode)
        record = _record(point, administration.POINT_MODE)
        return signing.settle_change(one, record, proposal, f"{name} is in mode {mode}", common)


def retire(name: str, /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN) -> int:
    """Take a point out of the inventory. Its records stay; its target counts as unregistered again.

    **Example**

    ```console
    $ byhand point retire mm7-breaker
    ```

    Parameters
    ----------
    name
        The point's name.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        record = _record(one.home.points.get(name), administration.POINT_RETIRE)
        return signing.settle_change(one, record, proposal, f"{name} is retired", common)
