# SPDX-License-Identifier: Apache-2.0
"""Who may do what, as records say it: policies as text, roles with their scopes, teams with their members."""

from __future__ import annotations

from byhand.records.base import Part

POLICY_FILES_MAX = 6  # with their largest size they fit into one record beside its statement


class PolicyFile(Part, kw_only=True):
    """One file of policies."""

    name: str
    """What the file is called, e.g. ``roles.cedar``."""
    text: str
    """The policies, in Cedar's own language."""


class RoleAssignment(Part, kw_only=True):
    """A person holds a role within a scope; nothing named means everywhere."""

    person: str
    """Who holds it."""
    role: str
    """Which role."""
    systems: tuple[str, ...] = ()
    """Only at targets in these systems."""
    environments: tuple[str, ...] = ()
    """Only at targets in these environments."""
    teams: tuple[str, ...] = ()
    """Only at points that these teams own."""


class Team(Part, kw_only=True):
    """Persons who work together; policies name a team as they name a role."""

    name: str
    """What the team is called."""
    members: tuple[str, ...] = ()
    """Who belongs to it."""
