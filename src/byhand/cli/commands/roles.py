# SPDX-License-Identifier: Apache-2.0
"""Roles and teams: who holds what, and where; each change is signed by officers, from two of them on by two."""

from __future__ import annotations

from pathlib import Path

from byhand.cli import signing
from byhand.cli.common import NOTHING_CHOSEN, Common, Many
from byhand.cli.opened import opened
from byhand.cli.output import say, show_rows
from byhand.control.administration import record_with
from byhand.control.authorization import BEFORE_ROLES, ROLES
from byhand.records.policy import RoleAssignment, Team
from byhand.trust import administration


def assign(
    person: str,
    role: str,
    /,
    *,
    system: Many = (),
    environment: Many = (),
    team: Many = (),
    proposal: Path | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Give somebody a role, everywhere or within a scope; said anew it replaces the scope before.

    Shipped are operator, approver, auditor, identity-officer, records-officer; policies may name others. From the
    first role on, whoever holds none may nothing but read and end what is their own, and amend or review that.

    **Example**

    ```console
    $ byhand role assign ada.lovelace operator
    $ byhand role assign grace.hopper approver --environment production --team risk-desk
    ```

    Parameters
    ----------
    person
        Who.
    role
        Which role.
    system
        Only at targets in this system; may be repeated.
    environment
        Only at targets in this environment; may be repeated.
    team
        Only at points that this team owns; may be repeated.
    proposal
        The file for the second officer.
    """
    given = RoleAssignment(person=person, role=role, systems=system, environments=environment, teams=team)
    if role not in ROLES:
        say(f"{role} is no shipped role: it counts where your own policies name it")
    with opened(common) as one:
        first = not one.home.administration.current().roles_assigned
        record = record_with(administration.ROLE_ASSIGN, administration.role_name(given), role=given)
        code = signing.settle_change(one, record, proposal, f"{person} is {role}", common)
        if code == 0 and first:
            say(f"from now on nobody is {' and '.join(sorted(BEFORE_ROLES))} who was not made so")
        return code


def remove(
    person: str, role: str, /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN
) -> int:
    """Take a role from somebody, with all of its scope.

    **Example**

    ```console
    $ byhand role remove ada.lovelace operator
    ```

    Parameters
    ----------
    person
        Who.
    role
        Which role.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        taken = RoleAssignment(person=person, role=role)
        record = record_with(administration.ROLE_REMOVE, administration.role_name(taken), role=taken)
        return signing.settle_change(one, record, proposal, f"{person} is {role} no more", common)


def list_roles(*, common: Common = NOTHING_CHOSEN) -> None:
    """List who holds which role, and where.

    **Example**

    ```console
    $ byhand role list
    ```
    """
    with opened(common) as one:
        one.backend.identity()
        now = one.home.administration.current()
        rows = [
            {
                "person": role.person,
                "role": role.role,
                "systems": list(role.systems),
                "environments": list(role.environments),
                "teams": list(role.teams),
            }
            for person in sorted(now.roles)
            for role in now.roles[person].values()
        ]
        before = f"no role was ever assigned: everybody enrolled is {' and '.join(sorted(BEFORE_ROLES))}"
        show_rows(rows, common, empty="nobody holds a role" if now.roles_assigned else before)


def set_team(
    name: str, /, *members: str, proposal: Path | None = None, common: Common = NOTHING_CHOSEN
) -> int:
    """Say who belongs to a team; policies name it as `Byhand::Team::"NAME"`. Said anew it replaces the members.

    **Example**

    ```console
    $ byhand team set risk-desk ada.lovelace grace.hopper
    ```

    Parameters
    ----------
    name
        The team's name.
    members
        Everybody in it.
    proposal
        The file for the second officer.
    """
    team = Team(name=name, members=members)
    record = record_with(administration.TEAM_SET, name, team=team)
    with opened(common) as one:
        return signing.settle_change(one, record, proposal, f"{name} has {len(members)} member(s)", common)


def list_teams(*, common: Common = NOTHING_CHOSEN) -> None:
    """List the teams with their members.

    **Example**

    ```console
    $ byhand team list
    ```
    """
    with opened(common) as one:
        one.backend.identity()
        teams = one.home.administration.current().teams
        rows = [{"team": name, "members": list(teams[name].members)} for name in sorted(teams)]
        show_rows(rows, common, empty="there is no team yet: byhand team set --help")
