# SPDX-License-Identifier: Apache-2.0
"""Four eyes: what waits for you, and your signature over exactly what is to change."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from byhand.cli.asking import ask, can_ask, confirm
from byhand.cli.common import NOTHING_CHOSEN, Common, RecordId
from byhand.cli.opened import Opened, opened
from byhand.cli.output import say, show_recorded, show_rows
from byhand.cli.signing import placed
from byhand.client.contract import ApprovalRequest
from byhand.client.speaking import Decision, sign_decision
from byhand.errors import Fault, Invalid
from byhand.ids import new_record_id
from byhand.trust.statements import REASON_LENGTH_MAX

APPROVED = "I have reviewed this change and authorise it."
WITHDRAWN = "I withdraw what I said before."
COLUMNS = ("id", "person", "action", "target", "tier", "before", "after", "reason", "expires")


def inbox(*, common: Common = NOTHING_CHOSEN) -> None:
    """What waits for your approval, the one that lapses first on top. Looking at it is recorded.

    **Example**

    ```console
    $ byhand inbox
    ```
    """
    with opened(common) as one:
        found = one.desk.inbox()
        rows = [msgspec.to_builtins(row) for row in found.waiting]
        show_rows(rows, common, columns=COLUMNS, empty="nothing waits for you")
        if found.more:
            say(f"more may wait than these {len(rows)}, the newest")


def approve(
    id_: RecordId,
    /,
    *,
    meaning: str = APPROVED,
    yes: Annotated[bool, Parameter(negative=())] = False,
    because: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Approve what somebody else declared: you are shown the exact change, then you sign it with your own key.

    What you see was verified here first: the entry is recomputed from what is shown, and its log compared with what
    you remember of it. Your signature covers this one change and nothing else, until the intent lapses.

    **Example**

    ```console
    $ byhand approve 019a5d0c-8a3e
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    meaning
        What your signature means, in one line.
    yes
        Sign without being asked; for whoever has looked at it with `byhand show`.
    because
        Why you look at it, where its class demands that.
    """
    _decide(id_, "approve", meaning, because, common, yes=yes)


def refuse(
    id_: RecordId,
    /,
    *,
    reason: str | None = None,
    yes: Annotated[bool, Parameter(negative=())] = False,
    because: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Refuse what somebody else declared, and say why, signed. One refusal ends it, whoever approved before.

    **Example**

    ```console
    $ byhand refuse 019a5d0c-8a3e --reason "The limit is right; the quote was stale."
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    reason
        Why, in one line.
    yes
        Sign without being asked.
    because
        Why you look at it, where its class demands that.
    """
    if reason is None:
        if not can_ask():
            raise Invalid("nobody is at the terminal to be asked why", (Fault("/reason", "is missing"),))
        reason = ask("Why, in one line: ")
    _decide(id_, "refuse", reason, because, common, yes=yes)


def withdraw(
    id_: RecordId,
    /,
    *,
    yes: Annotated[bool, Parameter(negative=())] = False,
    because: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Take back your approval; or, of an intent of your own, the intent itself. Only before the permit.

    **Example**

    ```console
    $ byhand withdraw 019a5d0c-8a3e
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    yes
        Sign without being asked.
    because
        Why you look at it, where its class demands that.
    """
    _decide(id_, "withdraw", WITHDRAWN, because, common, yes=yes)


def _decide(
    id_: str, decision: Decision, meaning: str, because: str | None, common: Common, *, yes: bool
) -> None:
    _check_meaning(meaning)
    with opened(common) as one:
        request, intervention = _signed(one, id_, decision, meaning, because, yes=yes)
        acknowledgement = one.backend.decide(intervention, request)
        # A crash exactly here: the decision is in the log, and only its author was not told; show ID tells.
        fields = {"intervention": intervention, "decision": decision, **placed(acknowledgement)}
        show_recorded(fields, common, recorded=acknowledgement.record)


def _check_meaning(meaning: str) -> None:
    if not meaning.strip() or len(meaning) > REASON_LENGTH_MAX or not meaning.isprintable():
        complaint = f"must be one line of 1 to {REASON_LENGTH_MAX} visible characters"
        raise Invalid("this cannot be signed", (Fault("/meaning", complaint),))


def _signed(
    one: Opened, id_: str, decision: Decision, meaning: str, because: str | None, *, yes: bool
) -> tuple[ApprovalRequest, str]:
    """Show what is decided on, ask, and sign."""
    from byhand.cli.checked import checked, fingerprint

    found = checked(one, id_, because)
    for line in found.lines():
        say(line)
    say(f"  meaning  {decision}: {meaning}")
    confirm(f"{decision.capitalize()} and sign as {one.backend.identity().person}?", yes=yes)
    person = one.backend.identity().person
    statement = sign_decision(found.about, decision, meaning, person, found.seen, one.signer())
    say(f"  signed with {one.signer().fingerprint}, statement SHA-256 {fingerprint(statement)}")
    return ApprovalRequest(record=new_record_id(), statement=statement), found.intent.id
