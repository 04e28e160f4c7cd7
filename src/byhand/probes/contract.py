# SPDX-License-Identifier: Apache-2.0
"""What a probe is: something that reads one real value of a target, or says why it could not."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol, runtime_checkable

from byhand.records.values import CapturedValue

Comparison = Literal["atomic", "checked"]


@runtime_checkable
class Probe(Protocol):
    """Read a target's value: before the act, after it, and later to find drift."""

    @property
    def comparison(self) -> Comparison:
        """``atomic``: target and value are compared in one step; ``checked``: read just before the act."""
        ...

    def read(self) -> CapturedValue:
        """The value the target has now: a real reading (``inline``, ``reference``) or ``absent``.

        ``absent`` only where it certainly does not exist. May take as long as the target's own answer; may be
        repeated. Raises ProbeFailed with the cause when the value could not be read.
        """
        ...

    def as_read(self, value: object) -> CapturedValue:
        """What ``read`` gives once the target holds ``value``: a declared value is compared in this form.

        Raises Invalid for a type that cannot be captured.
        """
        ...


class ProbeKind(Protocol):
    """One kind of probe, named by the scheme of its address, e.g. ``file:/etc/limits.yaml#/max_notional``."""

    scheme: ClassVar[str]
    client_only: ClassVar[bool]
    """Whether it may run only in the person's own process, never in a server."""

    @classmethod
    def from_address(cls, address: str) -> Probe:
        """The probe for an address without its scheme; reads nothing yet. Raises Invalid with advice."""
        ...
