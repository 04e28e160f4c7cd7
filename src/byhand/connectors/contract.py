# SPDX-License-Identifier: Apache-2.0
"""What a connector is: byhand's side of another system. So far: what the system itself found, before an act."""

from __future__ import annotations

from typing import ClassVar, Protocol

from byhand.records.intervention import Automation


class Connector(Protocol):
    """One kind of system, named by the scheme of its addresses, e.g. ``buildbot:https://ci/deploy-prod/7``."""

    scheme: ClassVar[str]

    def collect(self, address: str) -> Automation:
        """What the system did and found at ``address`` (without its scheme), apart from any person's words.

        May take as long as the system's answers; may be repeated. Raises Invalid for an address that is none,
        ProbeFailed with the cause when the system cannot be read.
        """
        ...
