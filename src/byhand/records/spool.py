# SPDX-License-Identifier: Apache-2.0
"""The line of a spool: what a person did while the log could not be reached, as canonical bytes that chain.

A record made from a line holds all that the line held, so that anybody can write the line again years later and
compare: ``line_of_intent`` and ``line_of_outcome``.
"""

from __future__ import annotations

import hashlib

import msgspec

from byhand.errors import Fault, Invalid
from byhand.records import parts
from byhand.records.base import Part
from byhand.records.intervention import Declaration, Governance, Spooled
from byhand.records.kinds import Intent, Outcome
from byhand.records.limits import RECORD_BYTES_MAX, STATEMENT_LENGTH_MAX

LINE_BYTES_MAX = RECORD_BYTES_MAX + STATEMENT_LENGTH_MAX  # a declaration and its statement, at their largest
FIRST = "0" * 64
"""What the first line of a spool names as the hash of the line before it."""


class SpooledAct(Part, kw_only=True):
    """An act that is about to be carried out: what its person declares, and how they came to do it alone."""

    declaration: Declaration
    spooled: Spooled


class SpoolLine(Part, kw_only=True):
    """One line: an act or an outcome, never both, and its person's signed statement of it."""

    statement: str
    """DSSE envelope (JSON text) of the ``spooled`` statement."""
    act: SpooledAct | None = None
    outcome: Outcome | None = None


_decoder = msgspec.json.Decoder(SpoolLine)


def content_digest(content: SpooledAct | Outcome) -> str:
    """SHA-256 (hex) of the canonical act, or of the outcome as its person told it: what the statement covers."""
    told = as_told(content) if isinstance(content, Outcome) else content
    return hashlib.sha256(parts.encode_settled(told)).hexdigest()


def as_told(outcome: Outcome) -> Outcome:
    """``outcome`` without what the gate adds to it, and without the statement that covers it."""
    return msgspec.structs.replace(
        outcome, as_declared=None, concluded_by=None, via=None, governance=Governance(), statement=None
    )


def encode_line(content: SpooledAct | Outcome, statement: str) -> bytes:
    """The line's bytes, without its end."""
    if isinstance(content, Outcome):
        return parts.encode_settled(SpoolLine(statement=statement, outcome=as_told(content)))
    return parts.encode_settled(SpoolLine(statement=statement, act=content))


def parse_line(data: bytes) -> SpoolLine:
    """The line in ``data``; raises Invalid when it is none, or not written canonically."""
    try:
        line = _decoder.decode(data) if len(data) <= LINE_BYTES_MAX else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _no_line(str(error)) from error
    if line is None or (line.act is None) == (line.outcome is None):
        raise _no_line("it holds neither one act nor one outcome, or too much")
    if encode_line(content_of(line), line.statement) != data:
        raise _no_line("it is not written as spools are")
    return line


def content_of(line: SpoolLine) -> SpooledAct | Outcome:
    """What the line is about."""
    content = line.act if line.act is not None else line.outcome
    if content is None:
        raise _no_line("it holds nothing")
    return content


def _no_line(why: str) -> Invalid:
    return Invalid("this is no line of a spool", (Fault("", why),))


def line_digest(data: bytes) -> str:
    """SHA-256 (hex) of a line: what the line after it names."""
    return hashlib.sha256(data).hexdigest()


def line_of(record: Intent | Outcome) -> bytes | None:
    """The line that ``record`` was made from, written again; ``None`` when it was not spooled."""
    if record.statement is None:
        return None
    if isinstance(record, Outcome):
        return encode_line(record, record.statement)
    if record.spooled is None:
        return None
    return encode_line(SpooledAct(declaration=record.declaration, spooled=record.spooled), record.statement)
