# SPDX-License-Identifier: Apache-2.0
"""Changes to byhand itself: signed by one officer, countersigned by a second from a file, then recorded."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from byhand import clock
from byhand.cli.common import Common
from byhand.cli.files import PROPOSAL, destination
from byhand.cli.opened import Opened
from byhand.cli.output import say, show_recorded, show_rows, wants_fields
from byhand.client.contract import Acknowledgement
from byhand.client.signing import Signer
from byhand.control import authorization, circles, credentials, runbooks
from byhand.errors import BadSignature, Conflict, Invalid, Refused, TooFewOfficers, Unsound
from byhand.records import codec
from byhand.records.kinds import Administration
from byhand.signatures import dsse, public_keys, sshsig
from byhand.trust import administration, statements

PENDING = 5
NONCE_BYTES = 32  # as every statement's: two of them never meet
PROPOSAL_VERSION = 0
PROPOSAL_BYTES_MAX = 16 * 1024 * 1024  # an import of a thousand points; more is another file
CHANGES = (
    "point", "reasons", "workload", "link", "token", "circle", "policy", "role", "team", "runbook", "note",
)  # fmt: skip
"""What a change may carry: all of it is shown to whoever is asked to sign."""
FIELDS = ("byhand_proposal", "changes", "origin")
Signable = (
    statements.Enrolment
    | statements.Revocation
    | statements.Deactivation
    | statements.Administration
    | statements.Genesis
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One change with its statement; ``record`` is ``None`` for keyring statements, which say it all."""

    envelope: dsse.Envelope
    record: Administration | None = None
    display_name: str | None = None


def nonce() -> str:
    """32 random bytes in hex."""
    return os.urandom(NONCE_BYTES).hex()


def with_signature(envelope: dsse.Envelope, namespace: str, signer: Signer) -> dsse.Envelope:
    """``envelope`` with the signature of ``signer``."""
    return statements.add_signature(envelope, signer.sign(envelope.pae(), namespace))


def signed(statement: Signable, signer: Signer) -> dsse.Envelope:
    """The envelope of ``statement`` with its first signature."""
    return with_signature(statements.unsigned(statement), statement.namespace, signer)


def change(one: Opened, record: Administration) -> Proposal:
    """``record`` with the statement of the person signed in.

    Read back first: what is signed has the bytes that a verifier will compute from the stored record.
    """
    kept = codec.decode(codec.encode(record))
    if not isinstance(kept, Administration):
        raise Invalid("this change cannot be written")
    record = kept
    statement = administration.to_sign(
        record, origin=one.home.origin, person=one.caller.person, nonce=nonce(), time=clock.now()
    )
    return Proposal(signed(statement, one.signer()), record)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of proposals: recorded, or waiting in ``proposal`` for a second officer."""

    recorded: tuple[Acknowledgement, ...]
    proposal: Path | None

    @property
    def code(self) -> int:
        """The exit code."""
        return PENDING if self.proposal is not None else 0

    def show(self, common: Common, *, many: bool = False) -> None:
        """Where it is recorded, for whoever asked for JSON: one object, of ``many`` a list."""
        if not wants_fields(common):
            return
        rows: list[dict[str, object]] = [placed(one) for one in self.recorded]
        if self.proposal is not None:
            rows.append({"proposal": str(self.proposal)})
        if many:
            show_rows(rows, common)
        for row in rows if not many else ():
            show_recorded(row, common, recorded=row.get("record", row.get("proposal")))


def placed(acknowledgement: Acknowledgement) -> dict[str, object]:
    """An acknowledgement, as commands show it."""
    return {"record": acknowledgement.record, "index": acknowledgement.index, "leaf": acknowledgement.leaf}


def settle(one: Opened, proposals: list[Proposal], file: Path | None) -> Settled:
    """Record what is signed enough; the rest goes into a file for a second officer (exit code 5)."""
    if file is not None:
        destination(file, PROPOSAL)  # before anything is recorded: a place that may not be written
    recorded: list[Acknowledgement] = []
    waiting: list[Proposal] = []
    for proposal in proposals:
        try:
            recorded.append(_submit(one, proposal))
        except Refused as error:
            if not isinstance(error.__cause__, TooFewOfficers) or not _by_an_officer(one, proposal):
                raise
            waiting.append(proposal)
    if not waiting:
        return Settled(tuple(recorded), None)
    place = file or Path(f"byhand-proposal-{os.urandom(4).hex()}.json")
    write(place, one.home.origin, waiting)
    say(f"a second officer must sign: {place}")
    say(f"  They look at it and sign with: byhand person countersign {place}")
    return Settled(tuple(recorded), place)


def settle_change(
    one: Opened, record: Administration, proposal: Path | None, done: str, common: Common
) -> int:
    """Sign and record one change, or keep it for a second officer; say ``done`` when it is in force."""
    settled = settle(one, [change(one, record)], proposal)
    settled.show(common)
    if settled.code == 0:
        say(done)
    return settled.code


def _submit(one: Opened, proposal: Proposal) -> Acknowledgement:
    text = dsse.encode(proposal.envelope).decode("ascii")
    record = proposal.record
    if record is None:
        return one.home.people.submit(one.caller, text, proposal.display_name)
    record = msgspec.structs.replace(record, statements=(text,))
    if record.action == administration.REASONS_SET:
        return one.home.reasons.submit(one.caller, record)
    if record.action in circles.ACTIONS:
        return one.home.circles.submit(one.caller, record)
    if record.action in authorization.ACTIONS:
        return one.home.authorization.submit(one.caller, record)
    if record.action in runbooks.ACTIONS:
        return one.home.runbooks.submit(one.caller, record)
    if record.action in credentials.ACTIONS:
        return one.home.credentials.submit(one.caller, record)
    return one.home.points.submit(one.caller, record)


def _by_an_officer(one: Opened, proposal: Proposal) -> bool:
    """Whether an officer has signed it: what nobody of them stands for is refused, not kept for another."""
    keyring = one.home.people.keyring()
    keys = [keyring.keys.get(signature.keyid) for signature in proposal.envelope.signatures]
    return any(key is not None and statements.OFFICER in key.roles for key in keys)


# -- the file between two officers


def write(place: Path, origin: str, proposals: list[Proposal]) -> None:
    """Write ``proposals`` for another officer; raises Invalid."""
    changes = [
        {
            "envelope": dsse.encode(one.envelope).decode("ascii"),  # as text: one envelope has one text
            "record": json.loads(codec.encode(one.record)) if one.record is not None else None,
            "display_name": one.display_name,
        }
        for one in proposals
    ]
    document = {"byhand_proposal": PROPOSAL_VERSION, "origin": origin, "changes": changes}
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    destination(place, PROPOSAL).write([text.encode()])


def read(place: Path, origin: str) -> list[Proposal]:
    """The proposals in ``place``, each record the one its statement covers; raises Invalid, Refused."""
    try:
        data = place.read_bytes()
    except OSError as error:
        raise Invalid(f"{place} cannot be read: {error.strerror}") from error
    if len(data) > PROPOSAL_BYTES_MAX:
        raise Invalid(f"{place} has more than {PROPOSAL_BYTES_MAX} bytes")
    try:
        document = json.loads(data)
        if tuple(sorted(document)) != FIELDS or document["byhand_proposal"] != PROPOSAL_VERSION:
            raise ValueError("is not of its form")
        if document["origin"] != origin:
            raise Refused(f"{place} is for {document['origin']}, this home is {origin}")
        return [_proposal(one, origin) for one in document["changes"]]
    except (ValueError, TypeError, KeyError, AttributeError, Unsound) as error:
        raise Invalid(f"{place} is no proposal: {error}", advice="Ask its author for it again.") from error


def _proposal(document: dict[str, object], origin: str) -> Proposal:
    envelope = dsse.parse(str(document["envelope"]).encode())
    name = document["display_name"]
    display_name = str(name) if name is not None else None
    if document["record"] is None:
        statement_of(envelope, origin)
        return Proposal(envelope, None, display_name)
    record = codec.decode(json.dumps(document["record"]).encode())
    if not isinstance(record, Administration):
        raise BadSignature("it is about no change to byhand")
    statement = statements.read(envelope, statements.Administration, origin=origin)
    if (statement.record, statement.change) != (record.id, administration.administration_digest(record)):
        raise BadSignature("its statement covers another change than the one shown")
    return Proposal(envelope, record, display_name)


def statement_of(
    envelope: dsse.Envelope, origin: str
) -> statements.Enrolment | statements.Revocation | statements.Deactivation:
    """The keyring statement in ``envelope``."""
    if envelope.payload_type == statements.payload_type(statements.Revocation):
        return statements.read(envelope, statements.Revocation, origin=origin)
    if envelope.payload_type == statements.payload_type(statements.Deactivation):
        return statements.read(envelope, statements.Deactivation, origin=origin)
    return statements.read(envelope, statements.Enrolment, origin=origin)


def described(proposal: Proposal, origin: str) -> str:
    """What a signature under ``proposal`` would say, for whoever is asked for it."""
    record = proposal.record
    if record is not None:
        what = json.loads(codec.encode(record))
        fields = {name: what[name] for name in CHANGES if what.get(name)}
        return f"{record.action} {record.subject}: {json.dumps(fields, ensure_ascii=True)}"
    statement = statement_of(proposal.envelope, origin)
    if isinstance(statement, statements.Revocation):
        return f"revoke the key {statement.key} of {statement.person}: {statement.reason}"
    if isinstance(statement, statements.Deactivation):
        return (
            f"deactivate {statement.person}, with all keys, tokens, accounts and sessions: {statement.reason}"
        )
    bound = ", device-bound" if statement.device_bound else ""
    roles = ", ".join(statement.roles) or "no role"
    name = proposal.display_name or "no name"
    blob = public_keys.blob_of(statement.key)
    key = f"{public_keys.named(blob)} {sshsig.fingerprint(blob)}"  # what ssh-keygen -l shows its owner
    return f"enrol {statement.person} ({name}) with {key}: {roles}{bound}"


def countersigned(proposal: Proposal, signer: Signer) -> Proposal:
    """``proposal`` with one more signature; raises Conflict when this key has signed it already."""
    if signer.fingerprint in {signature.keyid for signature in proposal.envelope.signatures}:
        raise Conflict("you signed this already", advice="Hand the file to another officer.")
    namespace = (
        statements.Administration.namespace if proposal.record is not None else statements.Enrolment.namespace
    )
    return replace(proposal, envelope=with_signature(proposal.envelope, namespace, signer))
