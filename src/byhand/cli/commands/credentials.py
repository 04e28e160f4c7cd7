# SPDX-License-Identifier: Apache-2.0
"""Tokens of persons, workloads and their tokens, and which account of which system is whose."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from byhand import clock
from byhand.cli import signing
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import Opened, opened
from byhand.cli.output import say, show_recorded, show_rows
from byhand.control.administration import record_with
from byhand.errors import Invalid, NotFound
from byhand.records.credentials import (
    ID_LENGTH,
    SECRET_BYTES,
    TOKEN_DAYS_DEFAULT,
    AccountLink,
    Scope,
    Token,
    Workload,
    token_digest,
    token_text,
)
from byhand.trust import administration

SECONDS_A_DAY = 86_400
ScopeChoice = Literal["act", "read", "redeem", "observe"]
Scopes = Annotated[tuple[ScopeChoice, ...], Parameter(name="--scope", negative=())]


def create_token(
    *,
    scope: Scopes = (),
    workload: str | None = None,
    days: int = TOKEN_DAYS_DEFAULT,
    label: str = "",
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Make a token of your own, or of a workload that you answer for. It is shown once, and kept nowhere.

    A token can do less than you: what its scopes say, until it ends, and it never signs. Scopes: `act` (your own
    interventions), `read`; for workloads `redeem` (use permits of the persons behind its accounts), `observe`.

    **Example**

    ```console
    $ byhand token create --scope read --days 7 --label "weekly report"
    $ byhand token create --workload buildbot-prod --output json
    ```

    Parameters
    ----------
    scope
        What it is for; may be repeated. Default: act and read; for a workload, all that the workload may.
    workload
        The workload that will carry it.
    days
        When it ends; at most 90.
    label
        What it is for, in your words.
    """
    text = token_text(os.urandom(SECRET_BYTES))
    digest = token_digest(text)
    with opened(common) as one:
        token = Token(
            id=digest[:ID_LENGTH],
            owner=one.caller.person,
            digest=digest,
            scopes=scope or _scopes(one, workload),
            expires=clock.after(clock.now(), seconds=days * SECONDS_A_DAY),
            workload=workload,
            label=label,
        )
        record = record_with(administration.TOKEN_ISSUE, token.id, token=token)
        settled = signing.settle(one, [signing.change(one, record)], None)
        if settled.code == 0:
            say("Keep it where only its bearer can read it; it is not shown again.")
            show_recorded(
                {"token": text, "id": token.id, "scopes": list(token.scopes), "expires": token.expires},
                common,
                recorded=token.id,
            )
        return settled.code


def _scopes(one: Opened, workload: str | None) -> tuple[Scope, ...]:
    if workload is None:
        return ("act", "read")
    known = one.home.credentials.current().workloads.get(workload)
    if known is None:
        raise NotFound(f"there is no workload {workload!r}", advice="See: byhand workload list")
    return known.scopes


def list_tokens(*, common: Common = NOTHING_CHOSEN) -> None:
    """List the tokens that are in force: whose, for what, until when, last used when and from where.

    **Example**

    ```console
    $ byhand token list
    ```
    """
    with opened(common) as one:
        one.backend.identity()
        rows = [
            {
                "id": token.id,
                "owner": token.owner,
                "workload": token.workload,
                "scopes": list(token.scopes),
                "expires": token.expires,
                "used": used or None,
                "address": address or None,
                "label": token.label or None,
            }
            for token, used, address in one.home.credentials.tokens()
        ]
        show_rows(rows, common, empty="there are no tokens")


def revoke_token(id_: Annotated[str, Parameter(name="ID")], /, *, common: Common = NOTHING_CHOSEN) -> int:
    """Revoke a token: your own, or as an officer anybody's. It is good for nothing from then on.

    **Example**

    ```console
    $ byhand token revoke 5f1d93c0a7e2
    ```

    Parameters
    ----------
    id_
        The token's id, as `byhand token list` shows it.
    """
    with opened(common) as one:
        found = [token for token, _, _ in one.home.credentials.tokens() if token.id == id_]
        if not found:
            raise NotFound(f"there is no token {id_[:ID_LENGTH]!r}", advice="See: byhand token list")
        record = record_with(administration.TOKEN_REVOKE, found[0].id, token=found[0])
        return signing.settle_change(one, record, None, f"{found[0].id} is revoked", common)


def set_workload(
    name: str,
    /,
    *,
    scope: Scopes = ("redeem",),
    issuer: str = "",
    kind: Literal["pipeline", "integration", "agent"] = "pipeline",
    subject: str = "",
    principal: str | None = None,
    owner: str | None = None,
    proposal: Path | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Register something that acts for persons: a pipeline, a feed. It is never itself the actor.

    **Example**

    ```console
    $ byhand workload set buildbot-prod --issuer buildbot --scope redeem --scope observe
    $ byhand workload set deploy --issuer github --subject github:repo:acme/shop:environment:production
    $ byhand workload set assistant --kind agent --principal ada.lovelace --scope act
    ```

    Parameters
    ----------
    name
        How it is called in records.
    scope
        What it is for: redeem, observe; act where its issuer says who started it, or for an agent. May be repeated.
    issuer
        The system whose accounts it speaks for, e.g. buildbot.
    kind
        What it is.
    subject
        What it is to an issuer whose tokens it comes with: ISSUER:SUBJECT. Without one it has tokens of byhand's only.
    principal
        The one person for whom an agent acts.
    owner
        The person who answers for it. Default: you.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        workload = Workload(
            name=name,
            owner=owner or one.caller.person,
            kind=kind,
            scopes=tuple(scope),
            issuer=issuer,
            subject=subject,
            principal=principal,
        )
        record = record_with(administration.WORKLOAD_SET, name, workload=workload)
        return signing.settle_change(one, record, proposal, f"{name} is registered", common)


def list_workloads(*, common: Common = NOTHING_CHOSEN) -> None:
    """List the workloads that are registered.

    **Example**

    ```console
    $ byhand workload list
    ```
    """
    with opened(common) as one:
        one.backend.identity()
        rows = [
            {
                "name": workload.name,
                "kind": workload.kind,
                "owner": workload.owner,
                "scopes": list(workload.scopes),
                "issuer": workload.issuer or None,
            }
            for _, workload in sorted(one.home.credentials.current().workloads.items())
        ]
        show_rows(rows, common, empty="there are no workloads")


def retire_workload(name: str, /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN) -> int:
    """Retire a workload: its tokens are good for nothing from then on.

    **Example**

    ```console
    $ byhand workload retire buildbot-prod
    ```

    Parameters
    ----------
    name
        The workload.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        record = record_with(administration.WORKLOAD_RETIRE, name)
        return signing.settle_change(one, record, proposal, f"{name} is retired", common)


def link_account(
    person: str, account: str, /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN
) -> int:
    """Say that an account of another system is a person's.

    **Example**

    ```console
    $ byhand person link ada.lovelace buildbot:ada@example.com
    ```

    Parameters
    ----------
    person
        The person.
    account
        issuer:account, e.g. buildbot:ada@example.com.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        link = AccountLink(person=person, **_account(account))
        record = record_with(administration.ACCOUNT_LINK, account, link=link)
        return signing.settle_change(one, record, proposal, f"{account} is {person}'s", common)


def unlink_account(account: str, /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN) -> int:
    """Say that an account is nobody's any more.

    **Example**

    ```console
    $ byhand person unlink buildbot:ada@example.com
    ```

    Parameters
    ----------
    account
        issuer:account.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        person = one.home.credentials.current().links.get(account)
        if person is None:
            raise NotFound(f"the account {account} is linked to nobody", advice="See: byhand person links")
        link = AccountLink(person=person, **_account(account))
        record = record_with(administration.ACCOUNT_UNLINK, account, link=link)
        return signing.settle_change(one, record, proposal, f"{account} is nobody's", common)


def list_links(*, common: Common = NOTHING_CHOSEN) -> None:
    """List the accounts of other systems that are linked to persons.

    **Example**

    ```console
    $ byhand person links
    ```
    """
    with opened(common) as one:
        one.backend.identity()
        links = sorted(one.home.credentials.current().links.items())
        show_rows([{"account": account, "person": person} for account, person in links], common)


def _account(text: str) -> dict[str, str]:
    issuer, colon, account = text.partition(":")
    if not colon or not issuer or not account:
        raise Invalid(
            f"{text!r} names no account", advice="Write issuer:account, e.g. buildbot:ada@example.com"
        )
    return {"issuer": issuer, "account": account}
