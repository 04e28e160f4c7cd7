# SPDX-License-Identifier: Apache-2.0
"""The client's backend without a server: gate and journal in this process, for one signed-in person."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from byhand.client.contract import Attempt, Concluded, Declared, Identity, Permitted, PointView, Receipt
from byhand.control.administration import AdministrationFold
from byhand.control.gate import Gate
from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.control.point_views import PointViews
from byhand.control.sessions import Sessions
from byhand.errors import NotFound
from byhand.journal.journal import Journal
from byhand.records.intervention import Declaration
from byhand.records.kinds import Outcome


class Embedded:
    """See ``byhand.client.contract.Backend``. ``token`` is a session's; it is checked at every call."""

    def __init__(
        self,
        journal: Journal,
        administration: AdministrationFold,
        gate: Gate,
        views: PointViews,
        people: People,
        sessions: Sessions,
        token: str,
        close: Callable[[], None],
    ) -> None:
        self.origin = journal.origin
        self._journal = journal
        self._administration = administration
        self._gate = gate
        self._views = views
        self._people = people
        self._sessions = sessions
        self._token = token
        self._close = close

    def caller(self) -> Caller:
        """The signed-in person; raises LoginRequired when the session has ended or its key was revoked."""
        return self._sessions.caller(self._token)

    def identity(self) -> Identity:
        """The signed-in person."""
        return self._sessions.identity(self._token)

    def point(self, name: str) -> PointView:
        """The registered point."""
        return self._views.registered(name)

    def target(self, action: str, system: str, type_: str, id_: str, field: str) -> PointView:
        """The view of an unregistered target."""
        return self._views.unregistered(action, system, type_, id_, field)

    def declare(self, declaration: Declaration, statement: str | None) -> Declared:
        """Record the intent."""
        return self._administration.deciding(
            lambda _: self._gate.declare(self.caller(), declaration, statement)
        )

    def permit(self, intervention: str, redeem: Attempt | None = None) -> Permitted:
        """Issue the permit."""
        return self._administration.deciding(lambda _: self._gate.permit(self.caller(), intervention, redeem))

    def redeem(self, intervention: str, attempt: Attempt) -> Permitted:
        """Use the permit."""
        return self._administration.deciding(
            lambda _: self._gate.redeem(self.caller(), intervention, attempt)
        )

    def conclude(self, intervention: str, outcome: Outcome) -> Concluded:
        """Record how it ended."""
        return self._administration.deciding(
            lambda _: self._gate.conclude(self.caller(), intervention, outcome)
        )

    def receipt(self, record: str) -> Receipt:
        """The receipt of a record, under an anchored checkpoint."""
        stored = self._journal.reader.find(record)
        if stored is None:
            raise NotFound(f"there is no record {record} in this log")
        receipt = self._journal.receipt(stored.index)
        trial = msgspec.structs.replace(receipt.acknowledgement, trial=self._people.trial())
        return msgspec.structs.replace(receipt, acknowledgement=trial)

    def close(self) -> None:
        """Close the home."""
        self._close()
