# SPDX-License-Identifier: Apache-2.0
"""Who I am here: sign in with my own key, sign out, ask."""

from __future__ import annotations

import os
from typing import Annotated

from cyclopts import Parameter

from byhand import clock
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import Opened, account_is_shared, account_name, opened, store_session
from byhand.cli.output import say, show, wants_fields
from byhand.client.session_file import SessionFile
from byhand.errors import Invalid, SharedAccount


def login(
    *,
    issuer: str | None = None,
    strong: Annotated[bool, Parameter(negative=())] = False,
    fresh: Annotated[bool, Parameter(negative=())] = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Sign in: with your own key, or at your company's identity provider; and keep the session.

    The key is taken from `--key`, the ssh-agent or `~/.ssh`. Under a shared account of the machine no session
    is kept: there, name `--person` and `--key` (or `BYHAND_PERSON`, `BYHAND_KEY`) with every command.

    **Example**

    ```console
    $ byhand login
    $ byhand login --person ada.lovelace --key ~/.ssh/id_ed25519
    $ byhand login --issuer corp --url https://byhand.example
    ```

    Parameters
    ----------
    issuer
        The identity provider, by its name in the settings: open the address shown, compare the code, sign in there.
        Such a session signs nothing; what needs your own key still does.
    strong
        With `--issuer`: as strongly as it can.
    fresh
        With `--issuer`: even if you are signed in there already.
    """
    if account_is_shared():
        raise SharedAccount(
            f"{account_name()!r} is a shared account of this machine: no session is kept for it",
            advice="Name --person YOU --key FILE with every command, or set BYHAND_PERSON and BYHAND_KEY.",
        )
    with opened(common) as one:
        saved = store_session(one, _token(one, issuer, strong=strong, fresh=fresh))
        if wants_fields(common):
            show({"person": saved.person, "expires": saved.expires}, common)
        say(f"signed in as {saved.person} until {saved.expires}")


def _token(one: Opened, issuer: str | None, *, strong: bool, fresh: bool) -> str:
    if issuer is not None:
        return one.sign_in_at(issuer, max_age=0 if fresh else None, strong=strong)
    if strong or fresh:
        raise Invalid("--strong and --fresh are for a login at an issuer", advice="Add --issuer NAME.")
    return one.sign_in()


def logout(*, common: Common = NOTHING_CHOSEN) -> None:
    """Sign out: end the session, here and in the home.

    **Example**

    ```console
    $ byhand logout
    ```
    """
    with opened(common) as one:
        file = SessionFile(one.origin, os.environ)
        saved = file.load(now=clock.now())
        if saved is not None:
            one.logout(saved.token)
        file.forget()
        if wants_fields(common):
            show({"person": saved.person if saved is not None else None}, common)
        say("signed out" if saved is not None else "nobody was signed in")


def whoami(*, common: Common = NOTHING_CHOSEN) -> None:
    """Show who is signed in, with which key, until when. Exit code 4: nobody.

    **Example**

    ```console
    $ byhand whoami
    ```
    """
    with opened(common) as one:
        identity = one.backend.identity()
        show(
            {
                "person": identity.person,
                "name": identity.name,
                "key": identity.credential,
                "roles": list(identity.roles),
                "expires": identity.expires,
                "home": one.place,
                "origin": one.origin,
                "trial": identity.trial,
            },
            common,
        )
