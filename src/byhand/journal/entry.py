# SPDX-License-Identifier: Apache-2.0
"""What is handed to the journal, and what it becomes on its way to the sequencer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from byhand.records.actor import PersonDetails
from byhand.records.kinds import AnyRecord


class Anything:
    """Stands for "whatever the chain's head is"."""


ANY = Anything()


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to append.

    ``people`` maps the id in an actor's ``details`` to that person's section. ``claims`` are names that may be
    taken once in the life of the log. ``expected_head`` is the head of the record's chain that the caller saw:
    with another head, ChainMoved. ``expected_administration`` is the same for the administration chain, for
    what was decided on the keyring and points in force. ``before`` is a time: recorded then or later, TooLate.
    ``declaration`` is what a retry under the same id must
    equal (canonical bytes); by default the record itself. ``new``: a retry is not answered, but raises ChainMoved.
    """

    record: AnyRecord
    people: Mapping[str, PersonDetails] = field(default_factory=dict)
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    expected_head: int | Anything | None = ANY
    expected_administration: int | Anything | None = ANY
    before: str | None = None
    declaration: bytes | None = None
    new: bool = False


class Draft(NamedTuple):
    """A sealed record that only lacks its place in the log."""

    record_id: str
    kind: str
    intervention: str | None
    retention: str
    chain: str | None
    commitment: str | None
    sealed: str | None
    payload: bytes | None
    mac: bytes
    claims: tuple[str, ...]
    expected_head: int | Anything | None
    expected_administration: int | Anything | None
    before: str | None = None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an entry stands after the durable commit."""

    record_id: str
    index: int
    leaf: bytes
    leaf_hash: bytes
    recorded: str
    promise: str = ""
    """The log key's promise, once the entry is durable."""
