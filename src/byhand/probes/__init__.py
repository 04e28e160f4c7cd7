# SPDX-License-Identifier: Apache-2.0
"""Reading a target's real value. A new probe is one file here and its name in BUILT_IN, or an entry point."""

from __future__ import annotations

from byhand.errors import Fault, Invalid
from byhand.probes.command import CommandProbe
from byhand.probes.contract import Probe, ProbeKind
from byhand.probes.file import FileProbe

BUILT_IN: tuple[type[ProbeKind], ...] = (FileProbe, CommandProbe)
ENTRY_POINTS = "byhand.probes"


def kinds() -> dict[str, type[ProbeKind]]:
    """Every kind of probe by its scheme: built in, and installed by other packages."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - 20 ms that start-up need not spend

    found: dict[str, type[ProbeKind]] = {kind.scheme: kind for kind in BUILT_IN}
    for entry in entry_points(group=ENTRY_POINTS):
        found.setdefault(entry.name, entry.load())
    return found


def open_probe(spec: str) -> Probe:
    """The probe that ``scheme:rest`` specifies; raises Invalid. Reads nothing yet."""
    scheme, colon, rest = spec.partition(":")
    for kind in BUILT_IN:
        if colon and kind.scheme == scheme:
            return kind.parse(rest)
    known = kinds()
    if not colon or scheme not in known:
        advice = f"a probe begins with one of {', '.join(f'{name}:' for name in sorted(known))}"
        raise Invalid("this probe cannot be read", (Fault("/probe", "is of an unknown kind", advice),))
    return known[scheme].parse(rest)


def check_spec(spec: str) -> None:
    """Raise Invalid unless ``spec`` specifies a probe."""
    open_probe(spec)


def runs_on_server(spec: str) -> bool:
    """Whether byhand itself may read it; others run on the client's side only."""
    return not kinds()[spec.partition(":")[0]].client_only
