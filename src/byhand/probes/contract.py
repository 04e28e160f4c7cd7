# SPDX-License-Identifier: Apache-2.0
"""What a probe is: it reads one value of a target, truthfully, or says why it cannot."""

from __future__ import annotations

from typing import ClassVar, Protocol

from byhand.records.values import CapturedValue


class Probe(Protocol):
    """Reads a target's value; used before the act, after it, and for drift."""

    scheme: ClassVar[str]
    """What its specifications begin with, e.g. ``file``."""
    client_only: ClassVar[bool]
    """Whether it may run on the client's side only."""

    def read(self) -> CapturedValue:
        """The value now. May be slow; may be retried. Raises ProbeFailed when it could not be read.

        A value that truly does not exist is ``absent``, not a failure.
        """
        ...


class ProbeKind(Protocol):
    """How a probe is made from the rest of its specification."""

    scheme: ClassVar[str]
    client_only: ClassVar[bool]

    @classmethod
    def parse(cls, rest: str) -> Probe:
        """The probe that ``scheme:rest`` specifies; raises Invalid naming every fault, and reads nothing."""
        ...
