# SPDX-License-Identifier: Apache-2.0
"""What a detector is given and what it answers. It reads no clock and touches no file."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol


class Act(NamedTuple):
    """One act of a person, as far as a detector may know it: who, when, where, what. Never why, never values."""

    id: str
    at: float
    """When, in Unix seconds."""
    zone: int
    """Minutes that the person's clock is ahead of UTC."""
    person: str
    target: str
    """What was changed, as precisely as it has a name."""
    family: str
    """What kind of target it is: the class that it shares with its like."""
    action: str
    approver: str = ""
    """Who approved it; empty: nobody did."""
    size: float = 1.0
    """How much was changed, e.g. the number of fields."""


class Reason(NamedTuple):
    """One part of a score: what was looked at, in words what is unusual there, and how much it counts."""

    aspect: str
    words: str
    bits: float
    """Factors of two by which this makes the act likelier to be somebody else's or at any time."""


class Judgement(NamedTuple):
    """What a detector says of one act. Higher is more unusual; nothing here says that it is wrong."""

    score: float
    reasons: tuple[Reason, ...]
    """What counts for it, heaviest first."""
    known: float
    """How many acts of the person it was compared with, older ones counting less."""


class Detector(Protocol):
    """Judges acts in the order in which they came. The same acts give the same answers, bit for bit."""

    def judge(self, act: Act) -> Judgement:
        """Compare an act with everything learned so far. Changes nothing that is learned."""
        ...

    def learn(self, act: Act) -> None:
        """Take an act as something that people do."""
        ...

    def encode(self) -> bytes:
        """Everything learned, as canonical bytes: equal states give equal bytes."""
        ...


class DetectorKind(Protocol):
    """One kind of detector, by its name."""

    scheme: ClassVar[str]

    @classmethod
    def empty(cls) -> Detector:
        """One that has learned nothing yet."""
        ...
