# SPDX-License-Identifier: Apache-2.0
"""Who may do what: the policies in force, proposals judged before they are signed, and why somebody may or may not."""

from __future__ import annotations

from pathlib import Path

from byhand.cli import signing
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import opened
from byhand.cli.output import say, show, show_rows, show_text, wants_fields
from byhand.control import authorization, policy_check
from byhand.control.administration import record_with
from byhand.control.authorization import SUBJECT
from byhand.errors import Invalid
from byhand.records.policy import PolicyFile
from byhand.trust import administration
from byhand.trust.authorization import Action

FILE_BYTES_MAX = 64 * 1024  # as much as a record holds of all of them together


def show_policies(*, common: Common = NOTHING_CHOSEN) -> None:
    """Show the policies in force, as they stand in the log, with their digest.

    Without policies of its own a home has the shipped ones. Write them into files, change them, judge what you
    wrote with `byhand policy check`, and set it.

    **Example**

    ```console
    $ byhand policy show
    $ byhand policy show --output json
    ```
    """
    with opened(common) as one:
        policy = one.backend.policy()
    if wants_fields(common):
        show({"digest": policy.digest, "shipped": policy.shipped, "since": policy.since,
              "files": [{"name": file.name, "text": file.text} for file in policy.files]}, common)  # fmt: skip
        return
    say(f"{'shipped with byhand' if policy.shipped else f'in force since {policy.since}'}: {policy.digest}")
    for file in policy.files:
        show_text(f"// == {file.name}\n{file.text}")


def check(*files: Path, common: Common = NOTHING_CHOSEN) -> int:
    """Judge policies before anybody signs them; without files, those that are shipped.

    They must fit the schema, and at every point somebody must be able to act: otherwise the answer is 1. Said only:
    rows of the shipped table of decisions that come out otherwise under policies of your own, and points where
    fewer than its risk takes, or nobody, could approve beside whoever acts. The shipped policies must come out as
    the table says, and without any one forbid some row of it must fail.

    **Example**

    ```console
    $ byhand policy check
    $ byhand policy check roles.cedar always.cedar
    ```

    Parameters
    ----------
    files
        The policies, all of them.
    """
    wanted = read_files(files) if files else authorization.shipped()
    findings = policy_check.check(wanted)
    with opened(common) as one:
        one.backend.identity()
        findings += policy_check.satisfiable(
            wanted, one.home.administration.current(), one.home.authorization
        )
    rows = [{"check": found.check, "finding": found.what} for found in findings]
    show_rows(rows, common, empty="nothing to find fault with")
    return 1 if any(found.serious for found in findings) else 0


def play_table(table: Path, *files: Path, common: Common = NOTHING_CHOSEN) -> int:
    """Play a table of decisions against the policies in force, or against files that are not set yet.

    The table is TOML: one `[[decision]]` each with `person`, `roles`, `action`, `expect` (`allow`, or the policy
    that says no, or `deny` where none permits), and what is special about the place: `tier`, `environment` ...

    **Example**

    ```console
    $ byhand policy test decisions.toml
    $ byhand policy test decisions.toml roles.cedar always.cedar
    ```

    Parameters
    ----------
    table
        The table.
    files
        The policies, all of them; none: those in force.
    """
    rows = policy_check.read_table(_text(table))
    with opened(common) as one:
        one.backend.identity()
        wanted = read_files(files) if files else one.home.authorization.files()
    failed = policy_check.play(authorization.engine_of(wanted), rows)
    shown = [{"row": one.name, "expected": one.expected, "found": one.found} for one in failed]
    said = f"{len(failed)} of {len(rows)} decisions come out otherwise than the table says"
    say(said if failed else f"{len(rows)} decisions come out as the table says")
    show_rows(shown, common)
    return 1 if failed else 0


def explain(
    person: str,
    action: Action,
    point: str,
    /,
    *,
    declared_by: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Say whether somebody may do something somewhere now, and which policy says so. Nothing is done.

    **Example**

    ```console
    $ byhand policy explain ada.lovelace declare mm7-breaker
    $ byhand policy explain grace.hopper approve mm7-breaker --declared-by ada.lovelace
    ```

    Parameters
    ----------
    person
        Who.
    action
        What: declare, permit, redeem, conclude, approve, read; administer with an area in place of the point.
    point
        Where: an intervention point; for administer what is changed, e.g. policy.
    declared_by
        Whose intervention it is; for everything but approve and read it is the person's own.
    """
    with opened(common) as one:
        one.backend.identity()
        told = one.home.authorization.explain(one.caller, person, action, one.home.points, point, declared_by)
        show(
            {
                "allowed": told.verdict.allowed,
                "policies": list(told.verdict.policies),
                "roles": sorted(told.person.roles),
                "teams": sorted(told.person.teams),
                "advice": told.verdict.advice,
                "errors": list(told.verdict.errors),
            },
            common,
        )
        return 0 if told.verdict.allowed else 3


def set_policies(
    files: tuple[Path, ...], /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN
) -> int:
    """Put policies in force: all of them, in place of those before. The officers sign as for any change.

    **Example**

    ```console
    $ byhand policy set roles.cedar always.cedar
    ```

    Parameters
    ----------
    files
        The policies, all of them.
    proposal
        The file for the second officer.
    """
    wanted = read_files(files)
    for found in policy_check.check(wanted):
        say(f"{found.check}: {found.what}")
    record = record_with(administration.POLICY_SET, SUBJECT, policy=wanted)
    with opened(common) as one:
        done = f"in force: {authorization.engine_of(wanted).digest}"
        return signing.settle_change(one, record, proposal, done, common)


def read_files(files: tuple[Path, ...]) -> tuple[PolicyFile, ...]:
    """The policies in ``files``; raises Invalid."""
    return tuple(PolicyFile(name=one.name, text=_text(one)) for one in files)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened_file:
            data = opened_file.read(FILE_BYTES_MAX + 1)  # however large it is, or endless
        if len(data) > FILE_BYTES_MAX:
            raise Invalid(f"{file} has more than {FILE_BYTES_MAX} bytes")
        return data.decode("utf-8")
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is no text: {error}") from error
