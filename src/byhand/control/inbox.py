# SPDX-License-Identifier: Apache-2.0
"""What waits for a person's approval: found through the index, shown from the log, and read as any record is."""

from __future__ import annotations

import msgspec

from byhand import clock
from byhand.client.contract import Approvals as Shown, Inbox as Found, Waiting
from byhand.control import because
from byhand.control.approvals import Approvals
from byhand.control.chains import Chain, Chains
from byhand.control.identity import Caller
from byhand.control.indexing import Index, Indexer
from byhand.control.pages import filled
from byhand.control.reading import Reading
from byhand.errors import NotFound, Refused
from byhand.journal.journal import Journal
from byhand.records import captured
from byhand.records.standard import WITHHELD
from byhand.store.index import Among
from byhand.trust import quorum
from byhand.trust.facts import place

WAITING_MAX = (
    200  # intents shown at once, the newest; whoever has more than that to approve approves none of them
)
PENDING = "pending"


class Inbox:
    """The inbox of every person of one home."""

    def __init__(
        self,
        journal: Journal,
        chains: Chains,
        approvals: Approvals,
        reading: Reading,
        indexer: Indexer,
        index: Index,
    ) -> None:
        self._journal = journal
        self._chains = chains
        self._approvals = approvals
        self._reading = reading
        self._indexer = indexer
        self._index = index

    def waiting(self, caller: Caller) -> Found:
        """What ``caller`` could approve now, the one that lapses first on top; leaves one access record."""
        self._check_named(caller, "inbox")
        self._indexer.catch_up()
        now = clock.now()
        rows, following = filled(
            WAITING_MAX,
            None,
            lambda size, start: self._index.search([Among("phase", (PENDING,))], size, start),
            lambda row: row.first,
            lambda row: self._row(caller, self._chains.get(row.id), now),
        )
        ids = tuple(row.id for row in rows)
        self._reading.leave(caller, "inbox", records=ids, count=len(ids))
        waiting = tuple(sorted(rows, key=lambda row: (row.expires, row.id)))
        return Found(waiting=waiting, more=following is not None)

    def _row(self, caller: Caller, chain: Chain, now: str) -> Waiting | None:
        """The row of an intent; ``None`` where there is nothing for ``caller`` to do."""
        _, intent = chain.intent
        declaration, target = intent.declaration, intent.target
        done = caller.person in chain.state.approvals or caller.person in quorum.contributors(intent)
        if chain.state.phase != PENDING or declaration.expires <= now or done:
            return None
        if not self._reading.may_see(caller, intent.id) or not self._approvals.may_approve(caller, intent):
            return None
        change, given = declaration.change, declaration.justification
        shown = (
            captured.render(change.original),
            captured.render(change.new) if change.new is not None else "$observed",
            f"{given.code}: {given.text}" if given is not None else "",
        )
        if because.demanded(chain.links):  # shown to whoever says why: byhand show
            shown = (WITHHELD, WITHHELD, WITHHELD)
        return Waiting(
            id=intent.id,
            person=declaration.person,
            action=declaration.action,
            target=place(intent),
            environment=target.environment,
            tier=target.tier,
            declared=chain.links[0].acknowledgement.recorded,
            expires=declaration.expires,
            approvals_needed=intent.decision.approvals_needed,
            approvals_given=len(self._approvals.standing(chain).approvers),
            before=shown[0],
            after=shown[1],
            reason=shown[2],
            point=target.point,
        )

    def approvals(self, caller: Caller, text: str) -> Shown:
        """What is to be signed to approve an intervention, and who decided what; leaves an access record."""
        found = self._reading.resolve(text, caller)
        self._check_named(caller, "approvals", found)
        if self._journal.reader.head(found) is None or not self._reading.may_see(caller, found):
            raise NotFound(f"there is no intervention {found}", advice="Look for it with: byhand search")
        shown = self._approvals.shown(found)
        if because.demanded(self._journal.reader.chain(found)):  # shown to whoever says why: byhand show
            decided = tuple(msgspec.structs.replace(one, meaning=WITHHELD) for one in shown.decisions)
            shown = msgspec.structs.replace(shown, decisions=decided)
        self._reading.leave(caller, "approvals", records=(found,), count=1)
        return shown

    def _check_named(self, caller: Caller, operation: str, *records: str) -> None:
        """Raise Refused, and record that, for whoever sees pseudonyms only."""
        if not caller.pseudonymous:
            return
        refused = Refused(
            "who approves must know whose act it is, so there is no inbox under pseudonyms",
            advice="Ask somebody who sees persons by their names.",
        )
        self._reading.leave(caller, operation, records=records, refused=str(refused))
        raise refused
