# SPDX-License-Identifier: Apache-2.0
"""Read a target's real value: used before the act, after it, and to find drift.

A new kind of probe is one new file and its class in ``BUILT_IN``; other packages offer theirs under the entry
point group ``byhand.probes``.
"""

from __future__ import annotations

from byhand.errors import Fault, Invalid
from byhand.probes.callable import CallableProbe
from byhand.probes.command import CommandProbe
from byhand.probes.contract import Probe, ProbeKind
from byhand.probes.file import FileProbe

BUILT_IN: tuple[type[ProbeKind], ...] = (CallableProbe, FileProbe, CommandProbe)
ENTRY_POINT_GROUP = "byhand.probes"
ADDRESS_LENGTH_MAX = 4_096  # the longest path Linux takes; an address is read by people

__all__ = ["BUILT_IN", "ENTRY_POINT_GROUP", "Probe", "ProbeKind", "is_client_only", "kinds", "open_probe"]


def kinds() -> dict[str, type[ProbeKind]]:
    """Every kind of probe by its scheme; what byhand ships cannot be replaced from outside."""
    from importlib.metadata import entry_points

    found: dict[str, type[ProbeKind]] = {
        point.name: point.load() for point in entry_points(group=ENTRY_POINT_GROUP)
    }
    return found | _BY_SCHEME


_BY_SCHEME = {kind.scheme: kind for kind in BUILT_IN}


def open_probe(address: str) -> Probe:
    """The probe at ``address`` (``scheme:rest``); reads nothing yet. Raises Invalid with advice."""
    kind, rest = _kind(address)
    return kind.from_address(rest)


def is_client_only(address: str) -> bool:
    """Whether the probe at ``address`` may run only in the person's own process. Raises Invalid."""
    return _kind(address)[0].client_only


def _kind(address: str) -> tuple[type[ProbeKind], str]:
    scheme, colon, rest = address.partition(":")
    if len(address) > ADDRESS_LENGTH_MAX:
        raise _invalid(f"is longer than {ADDRESS_LENGTH_MAX} characters", "name a shorter path")
    found = _BY_SCHEME.get(scheme) or kinds().get(scheme)
    if not colon or found is None:
        known = ", ".join(f"{name}:" for name in sorted(kinds()))
        raise _invalid("names no kind of probe", f"begin with one of {known}")
    return found, rest


def _invalid(message: str, advice: str) -> Invalid:
    return Invalid("this is no address of a probe", (Fault("/probe", message, advice),))
