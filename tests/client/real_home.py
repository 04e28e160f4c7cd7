# SPDX-License-Identifier: Apache-2.0
"""A real home for the tests of the client: one officer with a key file, signed in, and points."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from byhand import clock, wiring
from byhand.client.contract import Backend
from byhand.client.interventions import Intervention, Means, Revert
from byhand.client.looking import Read
from byhand.client.places import place_of
from byhand.client.reverting import Reverter
from byhand.client.signing import Signer, make_key
from byhand.client.speaking import sign_login
from byhand.client.steps import Request, SignerSource
from byhand.client.unsent import Unsent
from byhand.control.reasons import SHIPPED
from byhand.embedded import Embedded
from byhand.ids import new_record_id
from byhand.records.kinds import SCHEMA_VERSION, Administration, AnyRecord, Point
from byhand.signatures import dsse, sshsig
from byhand.trust import administration, statements

ORIGIN = "byhand.test/desk/1"
ADA = "ada.lovelace"
ACTION = "trading.circuit_breaker.override"
NOTES = "Index rebalance: quoting obligation on XLON until 15:00, change {}."


class RealHome:
    """One home in a folder of its own, and a client signed in to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "home"
        self.environ = {
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "PATH": os.environ["PATH"],
        }
        self.key_path = folder / "id_ed25519"
        self.key: Signer = make_key(self.key_path, ADA)
        self.signer: SignerSource | None = lambda: self.key
        self.reverter = Reverter()
        self.unsent = Unsent()
        self._count = 0
        wiring.create_home(self.path, ORIGIN)
        self.home = wiring.open_home(self.path, environment=self.environ, start=False)
        self._begin()
        self.home.journal.checkpointer.begin()
        self.backend = self.sign_in()
        self._administer(administration.REASONS_SET, "reasons", reasons=SHIPPED)

    def _begin(self) -> None:
        line = sshsig.authorized_line(self.key.public_key_blob)
        now = clock.now()
        genesis = statements.Genesis(
            origin=ORIGIN, person=ADA, keys=(line,), nonce=os.urandom(32).hex(), time=now
        )
        self.home.people.begin(self._signed(genesis), "Ada Lovelace")

    def _signed(self, statement: statements.Statement) -> str:
        envelope = statements.unsigned(statement)
        armored = self.key.sign(envelope.pae(), statement.namespace)
        return dsse.encode(statements.add_signature(envelope, armored)).decode()

    def sign_in(self) -> Embedded:
        """A session by answering a challenge with the key."""
        challenge, expires = self.home.sessions.challenge()
        envelope = sign_login(ORIGIN, ADA, challenge, expires, self.key)
        token, _ = self.home.sessions.login(envelope, challenge)
        return wiring.open_backend(self.home, token)

    def add_point(self, name: str = "mm7-breaker", **changed: object) -> None:
        """Register a point; every field can be changed by name."""
        fields: dict[str, object] = {
            "action": ACTION,
            "system": "risk-gateway",
            "type": "circuit_breaker",
            "id": f"{name}-target",
            "owner": ADA,
            "tier": "medium",
            "mode": "enforce",
        }
        point = Point(name=name, **{**fields, **changed})  # type: ignore[arg-type]
        self._administer(administration.POINT_SET, name, point=point)

    def _administer(self, action: str, subject: str, **what: object) -> None:
        """One change to the home, signed by its officer."""
        record = Administration(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            action=action,
            subject=subject,
            **what,  # type: ignore[arg-type]
        )
        statement = administration.to_sign(
            record, origin=ORIGIN, person=ADA, nonce=os.urandom(32).hex(), time=clock.now()
        )
        signed = msgspec.structs.replace(record, statements=(self._signed(statement),))
        room = self.home.points if action == administration.POINT_SET else self.home.reasons
        room.submit(self.backend.caller(), signed)

    def request(self, place: object = "mm7-breaker", **changed: object) -> Request:
        """What Ada wants, with a text she never used before."""
        self._count += 1
        fields: dict[str, object] = {
            "place": place_of(place),  # type: ignore[arg-type]
            "reason": "LIQUIDITY_PROVISIONING",
            "notes": NOTES.format(self._count),
        }
        return Request(**{**fields, **changed})  # type: ignore[arg-type]

    def means(self, read: Read = None, *, revert: Revert = None, backend: Backend | None = None) -> Means:
        """Ada's backend, key and reverter."""
        chosen = backend or self.backend
        return Means(
            backend=lambda: chosen,
            signer=self.signer,
            read=read,
            revert=revert,
            reverter=self.reverter,
            unsent=self.unsent,
        )

    def act(self, read: Read = None, *, revert: Revert = None, **changed: object) -> Intervention:
        """An intervention, ready to be entered."""
        return Intervention(self.request(**changed), self.means(read, revert=revert))

    def records(self, intervention: str) -> list[AnyRecord]:
        """What the log holds of an intervention, oldest first."""
        chain = self.home.journal.reader.chain(intervention)
        return [stored.record for stored in chain if stored.record is not None]  # type: ignore[misc]

    def close(self) -> None:
        self.home.close()
