# SPDX-License-Identifier: Apache-2.0
"""``byhand init``: a new home, whose first officer is whoever makes it.

A crash between two steps leaves a home that nobody can use yet: ``init`` again finds which step is missing
and goes on from there. The steps: 1 files and keys (a rename makes them appear at once); 2 the officer's
genesis statement; 3 the first anchored checkpoint; 4 the shipped reason codes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from pathlib import Path

import msgspec

from byhand import clock, wiring
from byhand.cli import signing
from byhand.cli.asking import ask, can_ask
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import (
    AtHome,
    Opened,
    account_is_shared,
    account_name,
    remember,
    settings_of,
    store_session,
    trust,
)
from byhand.cli.output import say, show
from byhand.client.settings_file import ClientSettings
from byhand.client.signing import Signer, find_signer, load_key_file, make_key
from byhand.control.identity import check_person
from byhand.control.reasons import first_catalogue
from byhand.errors import Conflict, HomeRefused, Invalid, NotFound
from byhand.signatures import dsse, sshsig
from byhand.trust import statements

ORIGIN_RANDOM_BYTES = 4  # two homes of one machine are two logs


def init(
    *,
    origin: str | None = None,
    name: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Make a home; you become its first officer, with your own SSH key, and are signed in.

    Until a second officer joins, the home is on trial: one signature suffices, and every receipt says so.
    Without `--key` your ssh-agent's or `~/.ssh` key is taken, else one is made in `~/.config/byhand/keys`.
    Under a shared account of the machine `--person` says who you are. After a crash run it again.

    **Example**

    ```console
    $ byhand init
    $ byhand init --origin desk.example/interventions --person ada.lovelace --key ~/.ssh/id_ed25519
    ```

    Parameters
    ----------
    origin
        The log's name, for ever; best a name in a domain of yours. Default: one made of this machine's name.
    name
        Your name as people know it.
    """
    settings = settings_of(common)
    person = _person(settings)
    check_person(person)
    name_of_log = _origin(origin)
    if settings.home.exists() and not settings.home.is_dir():
        raise Invalid(
            f"{settings.home} is a file, and a home is a folder", advice="Name another place: --home FOLDER"
        )
    fresh = not (settings.home.exists() and any(settings.home.iterdir()))
    if not fresh:
        _check_unfinished(settings.home, origin)
    signer = _key(settings, person)
    if fresh:
        wiring.create_home(settings.home, name_of_log)  # 1
    try:
        _finish(settings, person, signer, name, common)
    except HomeRefused:
        if fresh:  # nobody has used it: as if it had never been
            shutil.rmtree(settings.home)
        raise


def _finish(settings: ClientSettings, person: str, signer: Signer, name: str | None, common: Common) -> None:
    home = wiring.open_home(settings.home, start=False)
    one = AtHome(home, settings)
    try:
        token = _complete(one, person, signer, name)
        trust(one)
        remember(one)
        if not account_is_shared():
            store_session(one, token)
        _tell(one, person, signer, common)
    finally:
        home.close()


def _tell(one: Opened, person: str, signer: Signer, common: Common) -> None:
    home = one.home
    show(
        {
            "home": str(home.path),
            "origin": home.origin,
            "keys": [key.encode() for key in home.journal.key.verifiers],
            "officers": home.people.keyring().officers_fingerprint,
            "officer": person,
            "key": signer.fingerprint,
            "key_place": signer.place,
        },
        common,
    )
    say("Give the keys and the officers' fingerprint to whoever shall check this log: they are its identity.")
    if account_is_shared():
        say(f"Nobody is signed in under {account_name()!r}. Name yourself with every command, or set:")
        say(f"  export BYHAND_PERSON={person} BYHAND_KEY={signer.place}")
    else:
        say(f"{person} is signed in. Next: byhand point add --help")


def _person(settings: ClientSettings) -> str:
    """Who the first officer is: named, or the owner of this account, or asked for."""
    if settings.person is not None:
        return settings.person
    if not account_is_shared():
        return account_name()
    if can_ask():
        return ask(f"{account_name()!r} is a shared account. Who are you (e.g. ada.lovelace)? ")
    raise Invalid(
        f"{account_name()!r} is a shared account: say who becomes the first officer",
        advice="Name yourself: byhand init --person ada.lovelace",
    )


def _origin(given: str | None) -> str:
    """The log's name, given or made of this machine's; raises Invalid before anything is made for ever."""
    if given is None:
        host = socket.gethostname()
        made = "".join(one if one.isascii() and (one.isalnum() or one in ".-") else "-" for one in host)
        return f"byhand.local/{made or 'here'}/{secrets.token_hex(ORIGIN_RANDOM_BYTES)}"
    try:
        return msgspec.convert(given, statements.Origin)
    except msgspec.ValidationError as error:
        advice = "At most 255 ASCII characters without space or plus, e.g. desk.example/interventions"
        raise Invalid(f"{given!r} cannot name a log", advice=advice) from error


def _key(settings: ClientSettings, person: str) -> Signer:
    """The key named; else the person's own at hand; else the one made here before, or made now."""
    if settings.key is not None:
        return find_signer(key_path=settings.key, environ=os.environ)
    made = keys_folder() / person.replace("/", "_")
    if made.exists():
        return load_key_file(made, environ=os.environ)
    if not account_is_shared():
        try:
            return find_signer(environ=os.environ)
        except NotFound:
            pass
    signer = make_key(made, person)
    say(f"a key was made for {person}: {made}")
    return signer


def keys_folder() -> Path:
    """Where keys lie that byhand made."""
    base = os.environ.get("XDG_CONFIG_HOME")
    folder = Path(base) if base else Path(os.environ.get("HOME") or Path.home()) / ".config"
    return folder / "byhand" / "keys"


def _check_unfinished(path: Path, origin: str | None) -> None:
    """Raise Conflict unless the home at ``path`` was begun by ``init``, and not finished."""
    if not (path / wiring.LOG_FILE).is_file():
        raise Conflict(f"{path} holds something else", advice="Choose another place: --home FOLDER")
    with wiring.read_home(path) as home:
        if origin not in (None, home.origin):
            raise Conflict(
                f"{path} is the home of {home.origin}", advice="Choose another place: --home FOLDER"
            )
        if home.entries.published() is not None and home.anchor.read() is None:
            raise HomeRefused(
                f"the home at {path} is finished, but was never anchored on this machine",
                advice="If it was moved here: byhand doctor --adopt. If it is a copy, use the first one.",
            )


def _complete(one: Opened, person: str, signer: Signer, name: str | None) -> str:
    """Take the steps that were not taken yet; the token of the officer, who is signed in then."""
    home = one.home
    keyring = home.administration.current().keyring
    if keyring is None:
        home.people.begin(_genesis(home.origin, person, signer), name)  # 2
    # A crash exactly here: the officer is named, no checkpoint speaks of it yet.
    if home.entries.published() is None:
        if home.journal.reader.size > 1:
            raise HomeRefused("this home holds records and was never anchored", advice="byhand doctor")
        _begin(one)  # 3
    else:
        home.journal.checkpointer.start()
    version, _ = home.reasons.catalogue()
    if version and keyring is not None:
        remember(one)  # a crash right before that was the last step
        raise Conflict(f"the home at {home.path} is ready already", advice="Sign in with: byhand login")
    if keyring is not None:
        say("an unfinished home was found: it is completed")
    token = one.sign_in_as(person, signer)
    signing.settle(one, [signing.change(one, first_catalogue())], None)  # 4
    return token


def _begin(one: Opened) -> None:
    """The first checkpoint; one that was anchored before a crash, and not published, is published now."""
    try:
        one.home.journal.checkpointer.begin()
    except HomeRefused as taken:
        try:
            one.home.journal.checkpointer.start()
        except HomeRefused as error:
            advice = "Choose another --origin; two homes cannot speak for one log."
            raise HomeRefused(f"{taken}: {error}", advice=advice) from error


def _genesis(origin: str, person: str, signer: Signer) -> str:
    genesis = statements.Genesis(
        origin=origin,
        person=person,
        keys=(sshsig.authorized_line(signer.public_key_blob),),
        nonce=signing.nonce(),
        time=clock.now(),
    )
    return dsse.encode(signing.signed(genesis, signer)).decode("ascii")
