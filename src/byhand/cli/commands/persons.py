# SPDX-License-Identifier: Apache-2.0
"""Persons and keys: every change is a signed statement, by officers or by the person's own key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from byhand import clock
from byhand.cli import passkeys, signing
from byhand.cli.asking import confirm
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import Opened, opened
from byhand.cli.output import say, show_rows
from byhand.control.identity import check_person
from byhand.errors import Invalid, NotFound
from byhand.signatures import public_keys
from byhand.trust import statements
from byhand.trust.keyring import EnrolledKey

PUBLIC_KEY_BYTES_MAX = 65_536  # as for key files: longer is not a key


def list_persons(
    *,
    everybody: Annotated[bool, Parameter(negative=())] = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """List who can act here, with roles and keys.

    **Example**

    ```console
    $ byhand person list
    $ byhand person list --everybody --output json
    ```

    Parameters
    ----------
    everybody
        Also those whose keys are all revoked.
    """
    with opened(common) as one:
        one.backend.identity()
        rows = [
            {
                "person": row.person,
                "name": row.name,
                "roles": list(row.roles),
                "keys": list(row.keys),
                "revoked": row.revoked,
            }
            for row in one.home.people.persons(everybody=everybody)
        ]
        show_rows(rows, common)


def add(
    person: str,
    /,
    *,
    public_key: Path | None = None,
    passkey: str | None = None,
    name: str | None = None,
    officer: Annotated[bool, Parameter(negative=())] = False,
    role: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    device_bound: Annotated[bool, Parameter(negative=())] = False,
    proposal: Path | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Enrol a person with their public key. Takes two officers, or the one of a trial home.

    With two officers the first one's signature goes into a file (exit code 5), which the second one signs
    with `byhand person countersign FILE`. A passkey waits where it was made, also through a server: the second
    officer types the same command.

    **Example**

    ```console
    $ byhand person add grace.hopper --public-key grace.pub --name "Grace Hopper"
    $ byhand person add alan.turing --public-key alan.pub --officer
    $ byhand person add emmy.noether --passkey ABCD-EFGH-IJKL-MNOP
    ```

    Parameters
    ----------
    person
        Who, as records will name them for years, e.g. grace.hopper.
    public_key
        Their public key, e.g. id_ed25519.pub.
    passkey
        Instead: the code of a passkey that they made at the server's page /passkey, as they read it to you.
    name
        Their name as people know it.
    officer
        They may change byhand itself. The second officer ends the trial.
    role
        A role of the key; may be repeated.
    device_bound
        You have seen that the key cannot leave its device.
    proposal
        The file for the second officer.
    """
    check_person(person)
    roles = {*role, statements.OFFICER} if officer else set(role)
    with opened(common) as one:
        if passkey is not None and public_key is None:
            _check_no_file(proposal)
            ordered = tuple(sorted(roles))
            told = passkeys.enrol(one, passkey, person, ordered, name, device_bound=device_bound)
            return passkeys.show(told, person, common)
        settled = _enrol(
            one,
            person,
            _only_key(public_key, passkey),
            tuple(sorted(roles)),
            name,
            proposal,
            device_bound=device_bound,
        )
        settled.show(common)
        if settled.code == 0:
            say(f"{person} is enrolled")
        return settled.code


def _enrol(
    one: Opened,
    person: str,
    blob: bytes,
    roles: tuple[str, ...],
    name: str | None,
    proposal: Path | None,
    *,
    device_bound: bool,
) -> signing.Settled:
    enrolment = statements.Enrolment(
        origin=one.home.origin,
        person=person,
        key=public_keys.line_of(blob),
        roles=roles,
        device_bound=device_bound or public_keys.device_bound(blob),
        nonce=signing.nonce(),
        time=clock.now(),
    )
    envelope = signing.signed(enrolment, one.signer())
    return signing.settle(one, [signing.Proposal(envelope, display_name=name)], proposal)


def _check_no_file(proposal: Path | None) -> None:
    """Raise Invalid for a proposal's file beside a passkey: nothing would be written to it."""
    if proposal is not None:
        raise Invalid(
            "an enrolment of a passkey waits where the passkey was made, in no file",
            advice="Leave out --proposal; the second officer types the same command.",
        )


def _only_key(public_key: Path | None, passkey: str | None) -> bytes:
    """The key in the file; raises Invalid when there is none, or a passkey beside it."""
    if public_key is None or passkey is not None:
        raise Invalid("name one key", advice="Either a public key's file or --passkey CODE.")
    return _public_key(public_key)


def _public_key(file: Path) -> bytes:
    try:
        with file.open(encoding="utf-8") as opened_file:
            text = opened_file.read(PUBLIC_KEY_BYTES_MAX)
    except OSError as error:
        raise Invalid(f"the public key {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"the public key {file} is no text", advice="Name the .pub file.") from error
    if "PRIVATE KEY" in text:
        raise Invalid(f"{file} is a private key: nobody needs that", advice=f"Name {file}.pub instead.")
    return public_keys.blob_of(text)


def countersign(
    file: Path,
    /,
    *,
    yes: Annotated[bool, Parameter(negative=())] = False,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Sign, as a second officer, what another officer proposes in a file; then it is recorded.

    What you sign is shown first: look at it, and compare keys with their persons by another way.

    **Example**

    ```console
    $ byhand person countersign byhand-proposal-5f1c2a90.json
    ```

    Parameters
    ----------
    file
        The file that the first officer's command wrote.
    yes
        Sign without being asked.
    """
    with opened(common) as one:
        one.backend.identity()
        proposals = signing.read(file, one.home.origin)
        for proposal in proposals:
            say(signing.described(proposal, one.home.origin))
        confirm(f"Sign {len(proposals)} change(s) as {one.caller.person}?", yes=yes)
        signer = one.signer()
        settled = signing.settle(one, [signing.countersigned(p, signer) for p in proposals], file)
        settled.show(common, many=True)
        say(f"{len(settled.recorded)} change(s) recorded")
        return settled.code


def list_keys(person: str | None = None, /, *, common: Common = NOTHING_CHOSEN) -> None:
    """List every key that ever spoke for a person, revoked ones too.

    **Example**

    ```console
    $ byhand key list
    $ byhand key list ada.lovelace
    ```

    Parameters
    ----------
    person
        Only this person's keys.
    """
    with opened(common) as one:
        one.backend.identity()
        size = one.home.journal.reader.size
        show_rows([_key_row(key, size) for key in one.home.people.keys(person)], common, empty="no key")


def _key_row(key: EnrolledKey, size: int) -> dict[str, object]:
    return {
        "person": key.person,
        "key": key.fingerprint,
        "kind": public_keys.named(key.blob),
        "roles": list(key.roles),
        "device_bound": key.device_bound,
        "enrolled_at": key.enrolled_at,
        "revoked_at": key.revoked_at,
        "valid": key.valid_at(size),
    }


def add_key(
    public_key: Path | None = None,
    /,
    *,
    passkey: str | None = None,
    device_bound: Annotated[bool, Parameter(negative=())] = False,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Enrol another key of your own, signed by the key you are signed in with.

    A passkey is made on the device it lives on, at the server's page `/passkey`, which shows its code.

    **Example**

    ```console
    $ byhand key add ~/.ssh/id_ed25519_sk.pub
    $ byhand key add --passkey ABCD-EFGH-IJKL-MNOP
    ```

    Parameters
    ----------
    public_key
        The new key's public half.
    passkey
        Instead: the code of a passkey that you have just made.
    device_bound
        The key cannot leave its device; for a key of that kind this is known anyway.
    """
    with opened(common) as one:
        if passkey is not None and public_key is None:
            me = one.signed_in().identity()
            told = passkeys.enrol(one, passkey, me.person, me.roles, None, device_bound=device_bound)
            return passkeys.show(told, me.person, common)
        caller, blob = one.caller, _only_key(public_key, passkey)
        settled = _enrol(one, caller.person, blob, caller.roles, None, None, device_bound=device_bound)
        settled.show(common)
        if settled.code == 0:
            say(f"{caller.person} has another key")
        return settled.code


def deactivate(
    person: str,
    /,
    *,
    reason: str,
    proposal: Path | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Deactivate a person: all their keys, tokens, account links and sessions end at once. Takes two officers.

    What they signed before stays sound. Whoever comes back is enrolled with a new key.

    **Example**

    ```console
    $ byhand person deactivate alan.turing --reason "left the company on 2026-11-20"
    ```

    Parameters
    ----------
    person
        The person.
    reason
        Why, in one line.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        deactivation = statements.Deactivation(
            origin=one.home.origin, person=person, reason=reason, nonce=signing.nonce(), time=clock.now()
        )
        envelope = signing.signed(deactivation, one.signer())
        settled = signing.settle(one, [signing.Proposal(envelope)], proposal)
        settled.show(common)
        if settled.code == 0:
            say(f"{person} is deactivated")
        return settled.code


def revoke_key(
    fingerprint: str,
    /,
    *,
    reason: str,
    proposal: Path | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Revoke a key: from now on it speaks for nobody. Your own alone; another's takes the officers.

    **Example**

    ```console
    $ byhand key revoke SHA256:3nP... --reason "laptop lost on 2026-11-20"
    ```

    Parameters
    ----------
    fingerprint
        The key's fingerprint, or its beginning.
    reason
        Why, in one line.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        key = _key_named(one, fingerprint)
        revocation = statements.Revocation(
            origin=one.home.origin,
            person=key.person,
            key=key.fingerprint,
            reason=reason,
            time=clock.now(),
        )
        envelope = signing.signed(revocation, one.signer())
        settled = signing.settle(one, [signing.Proposal(envelope)], proposal)
        settled.show(common)
        if settled.code == 0:
            say(f"{key.fingerprint} of {key.person} is revoked")
        return settled.code


def _key_named(one: Opened, fingerprint: str) -> EnrolledKey:
    wanted = fingerprint if fingerprint.startswith("SHA256:") else f"SHA256:{fingerprint}"
    found = [key for key in one.home.people.keys(None) if key.fingerprint.startswith(wanted)]
    if len(found) != 1:
        many = f"{fingerprint!r} fits {len(found)} keys"
        raise NotFound(
            many if found else f"no key begins with {fingerprint!r}", advice="See: byhand key list"
        )
    return found[0]
