# SPDX-License-Identifier: Apache-2.0
"""Fairness by address: one client may hold as much of what is limited as it leaves free for others, and no more.

Alone, an address gets half of it; beside another such one, as places turn over, a third. So one noisy client never
starves the others, however much it asks for: whoever comes next finds about as much as the noisiest has. And nobody is
held to a small fixed part while everything else stands empty: see decision 8.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

ADDRESSES_REMEMBERED = 4_096  # whose whereabouts are worked out once; as many as there are connections
SITE_BITS = 64  # of an IPv6 address: what a provider gives one customer, who may use all that lies within
NOWHERE = ""
"""Where whoever has no address comes from, and whoever has one that is none."""
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Shares:
    """Who holds how much of ``limit`` places. Only for the event loop's own thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self._held: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def take(self, whose: str) -> bool:
        """Take a place; ``False`` when none is free, or ``whose`` holds as many as are."""
        held = self._held.get(whose, 0)
        if held >= self.limit - self.taken:
            return False
        self._held[whose] = held + 1
        self.taken += 1
        return True

    def give_back(self, whose: str) -> None:
        """Give a place back that was taken."""
        held = self._held.pop(whose) - 1
        if held:
            self._held[whose] = held
        self.taken -= 1


@lru_cache(ADDRESSES_REMEMBERED)
def site(address: str | None) -> str:
    """What counts as one client: an IPv4 address, or the network of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address or NOWHERE)
    except ValueError:
        return NOWHERE
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), SITE_BITS), strict=False))


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks with commas between; raises ValueError naming what is none."""
    return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())


def among(address: str, of: Sequence[Network]) -> bool:
    """Whether ``address`` is one of those networks'."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in of)
