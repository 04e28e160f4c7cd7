# SPDX-License-Identifier: Apache-2.0
"""Which place a command is about: a registered point, a target that is not, or the one an intent named."""

from __future__ import annotations

from pathlib import Path

from byhand.client.places import Place, RegisteredPoint, Target
from byhand.errors import Fault, Invalid
from byhand.records.kinds import Intent


def place_from(point: str | None, target: str | None) -> Place:
    """The point named, or the target ``system/type/id[#field]``; raises Invalid unless one is named."""
    if (point is None) == (target is None):
        advice = (
            "byhand run POINT -- COMMAND, or byhand run --target SYSTEM/TYPE/ID --action ACTION -- COMMAND"
        )
        raise Invalid("name either a point or --target", advice=advice)
    if point is not None:
        return RegisteredPoint(point)
    place, _, field = (target or "").partition("#")
    system, kind, id_ = split_target(place)
    return Target(system, kind, id_, field)


def probe_from(address: str | None) -> str | None:
    """A probe's address as it was typed: a file is looked for from the current folder on, as in every command."""
    scheme, _, path = (address or "").partition(":")
    if scheme != "file" or path[:1] in ("", "/", "~", "#", "?"):
        return address
    return f"file:{Path.cwd()}/{path.removeprefix('./')}"


def split_target(target: str) -> tuple[str, str, str]:
    """System, type and id of ``system/type/id``; the id may hold further slashes. Raises Invalid."""
    parts = target.split("/", 2)
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004 - system, type, id
        fault = Fault(
            "/target", "is not of the form system/type/id", "e.g. risk-gateway/circuit_breaker/MM-7"
        )
        raise Invalid("this target is not valid", (fault,))
    return parts[0], parts[1], parts[2]


def place_of_intent(intent: Intent) -> Place:
    """Where an intent's act takes place."""
    target = intent.target
    if target.point is not None:
        return RegisteredPoint(target.point)
    return Target(target.system, target.type, target.id, intent.declaration.change.field)
