# SPDX-License-Identifier: Apache-2.0
"""Circles: who is on call for an intervention point, and by which destinations they are reached.

A destination is ``KIND:NAME``, e.g. ``slack:risk-desk``. Addresses, links and secrets are no part of a record: they
stand beside the settings (``notify.destinations_file``), where they can be changed and forgotten. See decision 12.
"""

from __future__ import annotations

from byhand.records.base import Part


class Member(Part, kw_only=True):
    """A person of a circle."""

    person: str
    """Who."""
    destinations: tuple[str, ...] = ()
    """What reaches this person alone, e.g. ``smtp:ada``."""


class Circle(Part, kw_only=True):
    """Persons who are asked to decide, in the order in which they are named."""

    name: str
    """What points call it."""
    members: tuple[Member, ...] = ()
    """Who belongs to it."""
    destinations: tuple[str, ...] = ()
    """What reaches all of them, e.g. ``slack:risk-desk``."""
    second: str | None = None
    """The circle that is asked when nobody of this one decides in time."""
