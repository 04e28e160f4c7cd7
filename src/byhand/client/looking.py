# SPDX-License-Identifier: Apache-2.0
"""A place as looked at before, during and after an act: byhand's view of it, and the value it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from byhand.client.contract import Backend, PointView
from byhand.client.places import Place, view_of
from byhand.errors import Invalid, ProbeFailed
from byhand.probes import open_probe
from byhand.probes.callable import CallableProbe
from byhand.probes.contract import Probe
from byhand.records import captured
from byhand.records.intervention import Tier
from byhand.records.limits import CAPTURED_BYTES_MAX
from byhand.records.values import CapturedValue
from byhand.records.visible import visible
from byhand.redaction import Redactor

MESSAGE_LENGTH_MAX = (
    1_000  # characters of what a system said; the whole of it belongs into the system's own log
)
LOOKED_AT_MAX = 65_536  # characters of it searched for secrets; its last ones are left out, see message()
SERIOUS_TIERS: frozenset[Tier] = frozenset({"high", "critical"})

Read: TypeAlias = Callable[[], object] | Probe | str | None
"""How to read the value: a function, a probe, a probe's address; ``None``: the point's own probe."""


UNREAD = "nobody said how this target's value is read"


@dataclass(frozen=True, slots=True)
class Sight:
    """A place as looked at: byhand's view of it, how its value is read, and what is taken out of values."""

    view: PointView
    probe: Probe | None
    read_by: Literal["probe", "caller"]
    redactor: Redactor
    may_be_blind: bool = False
    """The glass is broken: in an outage the value may be out of reach too."""

    @property
    def must_be_read(self) -> bool:
        """Whether nothing happens unless the value could be read."""
        return self.serious and not self.may_be_blind

    @property
    def serious(self) -> bool:
        """Whether its gate wants a signed intent and a value that was really read."""
        return self.view.tier in SERIOUS_TIERS and self.view.mode == "enforce"


def look(backend: Backend, place: Place, action: str | None, read: Read) -> Sight:
    """Ask byhand about ``place`` and find its probe. Raises NotFound, Invalid, LoginRequired."""
    view = view_of(backend, place, action)
    probe, read_by = _reader(view, read)
    redactor = Redactor(view.point.secrets, bytes.fromhex(view.mac_key), view.mac_key_id)
    return Sight(view, probe, read_by, redactor)


def _reader(view: PointView, read: Read) -> tuple[Probe | None, Literal["probe", "caller"]]:
    if isinstance(read, str):
        return open_probe(read), "caller"
    if isinstance(read, Probe):
        return read, "caller"
    if read is not None:
        return CallableProbe(read), "caller"
    return (open_probe(view.point.probe), "probe") if view.point.probe is not None else (None, "probe")


def read_value(sight: Sight) -> CapturedValue:
    """The value now, secrets included; raises ProbeFailed, and Invalid when nothing says how it is read."""
    if sight.probe is None:
        advice = (
            "Add --probe file:PATH#POINTER or command:PROGRAM, in code read=..., or give the point a probe."
        )
        raise Invalid(UNREAD, advice=advice)
    return sight.probe.read()


def read_or_unknown(sight: Sight) -> CapturedValue:
    """The value now, secrets included, or ``unknown`` with the cause, also where the probe is broken."""
    if sight.probe is None:
        return captured.unknown(UNREAD)
    try:
        return read_value(sight)
    except ProbeFailed as error:
        return captured.unknown(message(sight.redactor, str(error)))
    except Exception as error:  # noqa: BLE001 - after the act its outcome must be recorded, whatever a probe does
        return captured.unknown(f"the probe broke with {type(error).__name__}")


def message(redactor: Redactor, text: str) -> str:
    """What a system said, as a record can hold it: no secret, nothing that cannot be written, not too long."""
    found = redactor.text(text[:LOOKED_AT_MAX])
    if len(text) > LOOKED_AT_MAX:
        found = found[:-CAPTURED_BYTES_MAX]  # a secret halved by the cut looks like none: its end goes too
    # Cut last, half a secret hides; what a record cannot hold, a NUL or half a character, is escaped.
    return visible(found, keep="\n\t")[:MESSAGE_LENGTH_MAX]
