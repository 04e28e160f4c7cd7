# SPDX-License-Identifier: Apache-2.0
"""Other systems, from byhand's side: what they found, collected before a person overrides it.

A new kind of system is one new file and its class in ``BUILT_IN``.
"""

from __future__ import annotations

from byhand.connectors.buildbot import Buildbot
from byhand.connectors.contract import Connector
from byhand.errors import Fault, Invalid
from byhand.records.intervention import Automation

BUILT_IN: tuple[type[Connector], ...] = (Buildbot,)

__all__ = ["BUILT_IN", "Connector", "collect"]


def collect(address: str) -> Automation:
    """What the system at ``address`` (``scheme:rest``) did and found; raises Invalid, ProbeFailed."""
    scheme, _, rest = address.partition(":")
    for kind in BUILT_IN:
        if kind.scheme == scheme and rest:
            return kind().collect(rest)
    known = ", ".join(f"{kind.scheme}:" for kind in BUILT_IN)
    fault = Fault("/automation", "is no address of a system that can be asked", f"begin with one of {known}")
    raise Invalid("nothing can be collected there", (fault,))
