# SPDX-License-Identifier: Apache-2.0
"""Where a person intervenes: a registered point by name, or a target that nobody registered yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field as field_of
from typing import TypeAlias

from byhand.client.contract import Directory, PointView
from byhand.errors import Fault, Invalid
from byhand.records.intervention import Mode, Tier


@dataclass(frozen=True, slots=True)
class Target:
    """A target that is not registered: counts as production, high risk, enforced."""

    system: str
    type: str
    id: str
    field: str = ""
    """JSON pointer (RFC 6901) of the field within the target."""


@dataclass(frozen=True, slots=True)
class RegisteredPoint:
    """A registered point, by name. Its facts are asked for anew each time: points change."""

    name: str
    directory: Callable[[], Directory] | None = field_of(default=None, compare=False, repr=False)

    def view(self) -> PointView:
        """What byhand holds of it; raises NotFound with the nearest names, LoginRequired."""
        if self.directory is None:
            raise Invalid(
                "this point was named without a home to look it up in", advice="use byhand.point(NAME)"
            )
        return self.directory().point(self.name)

    @property
    def owner(self) -> str:
        """Who answers for it."""
        return self.view().point.owner

    @property
    def tier(self) -> Tier:
        """Its risk: low, medium, high or critical."""
        return self.view().tier

    @property
    def environment(self) -> str:
        """E.g. production."""
        return self.view().point.environment

    @property
    def mode(self) -> Mode:
        """Whether its gate observes, warns or enforces."""
        return self.view().mode

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reason codes that may justify an act here."""
        return tuple(reason.code for reason in self.view().reasons)

    @property
    def probe(self) -> str | None:
        """How its value is read."""
        return self.view().point.probe


Place: TypeAlias = RegisteredPoint | Target


def place_of(place: Place | str) -> Place:
    """``place`` itself, or the registered point of that name."""
    return RegisteredPoint(place) if isinstance(place, str) else place


def view_of(directory: Directory, place: Place, action: str | None) -> PointView:
    """What byhand holds of ``place``. Raises NotFound; Invalid when a target comes without its action."""
    if isinstance(place, RegisteredPoint):
        return directory.point(place.name)
    if action is None:
        advice = "name it, e.g. trading.circuit_breaker.override"
        raise Invalid("what is to be done there is not said", (Fault("/action", "is missing", advice),))
    return directory.target(action, place.system, place.type, place.id, place.field)
