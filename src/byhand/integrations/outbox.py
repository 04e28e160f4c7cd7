# SPDX-License-Identifier: Apache-2.0
"""What byhand is still to hear of a Buildbot master, kept in that master's own database until byhand has it.

The note of who asked is a property of the buildset, committed together with it: there is no build without its note
and no note without its build, whatever is killed when. Outcomes are kept as state of the master. See decision 14.

Whoever can change the master's database can take a note out, as they can take Byhand out of its configuration.
"""

# Buildbot is not installed where types are checked: its names are Any there.
# mypy: disable-error-code="import-not-found, misc, no-any-return, no-untyped-call, untyped-decorator"
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from twisted.internet import defer

NOTE = "byhand_note"
"""The property of a buildset that says who asked for it, until byhand has it; builds keep a copy of it."""
OBJECT = "byhand.integrations.buildbot"
"""The class under which the master keeps its outcomes."""


class Outbox:
    """One master's outbox. Every method returns a Deferred that fires after the database's own commit."""

    def __init__(self, master: Any) -> None:
        self._database = master.db
        self._name = master.name

    # -- who asked

    def waiting(self) -> Any:
        """The buildsets that byhand has not heard of, oldest first. Reads the whole table: once at the start."""
        table = self._database.model.buildset_properties
        query = sa.select(table.c.buildsetid).where(table.c.property_name == NOTE)
        return self._database.pool.do(
            lambda connection: [
                int(row.buildsetid) for row in connection.execute(query.order_by(table.c.buildsetid))
            ]
        )

    def note(self, buildset: int) -> Any:
        """The JSON text of a buildset's note; ``None`` when byhand has heard of it."""
        table = self._database.model.buildset_properties
        query = sa.select(table.c.property_value).where(
            table.c.buildsetid == buildset, table.c.property_name == NOTE
        )
        return self._database.pool.do(lambda connection: connection.execute(query).scalars().first())

    def settle(self, buildsets: Iterable[int]) -> Any:
        """Byhand has acknowledged the acts of ``buildsets``."""
        table = self._database.model.buildset_properties
        removal = table.delete().where(table.c.buildsetid.in_(list(buildsets)), table.c.property_name == NOTE)
        return self._database.pool.do_with_transaction(
            lambda connection: connection.execute(removal) and None
        )

    # -- how it ended

    @defer.inlineCallbacks
    def keep_outcome(self, record: str, text: str) -> Any:
        """Keep the JSON text of an outcome under its record id."""
        table, owner = self._database.model.object_state, (yield self._owner())
        row = {"objectid": owner, "name": record, "value_json": text}
        yield self._database.pool.do_with_transaction(
            lambda connection: connection.execute(table.insert().values(**row)) and None
        )

    @defer.inlineCallbacks
    def replace_outcome(self, record: str, text: str) -> Any:
        """Keep another text under the record id."""
        table, owner = self._database.model.object_state, (yield self._owner())
        change = table.update().where(table.c.objectid == owner, table.c.name == record)
        yield self._database.pool.do_with_transaction(
            lambda connection: connection.execute(change.values(value_json=text)) and None
        )

    @defer.inlineCallbacks
    def outcomes(self) -> Any:
        """Record id and JSON text of every outcome that byhand does not have, oldest first."""
        table, owner = self._database.model.object_state, (yield self._owner())
        query = sa.select(table.c.name, table.c.value_json).where(table.c.objectid == owner)
        return (
            yield self._database.pool.do(
                lambda connection: [tuple(row) for row in connection.execute(query.order_by(table.c.name))]
            )
        )

    @defer.inlineCallbacks
    def settle_outcome(self, record: str) -> Any:
        """Byhand has the outcome."""
        table, owner = self._database.model.object_state, (yield self._owner())
        removal = table.delete().where(table.c.objectid == owner, table.c.name == record)
        yield self._database.pool.do_with_transaction(lambda connection: connection.execute(removal) and None)

    def _owner(self) -> Any:
        return self._database.state.getObjectId(self._name, OBJECT)
