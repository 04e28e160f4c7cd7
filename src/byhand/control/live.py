# SPDX-License-Identifier: Apache-2.0
"""Live views: somebody who keeps looking leaves one access record a minute, not one for every look."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from byhand.records.limits import RECORDS_NAMED_MAX

LIVE_SECONDS = 60.0  # a wall screen leaves 1,440 records a day
VIEWS_REMEMBERED = 1_024  # live views of one process; the one that was looked at longest ago is recorded anew


@dataclass(slots=True)
class _View:
    recorded: float
    shown: dict[str, None] = field(default_factory=dict)
    """Ids shown since then that no record names yet."""
    named: frozenset[str] = frozenset()


class LiveViews:
    """Who is looking at what, in this process. Thread-safe.

    What no record named yet is named by the next ones of the view, the oldest first, as many as one record names.
    A crash, or a view that is not looked at again, costs the names of its last minute, not its records: what was
    shown then is told by the query of the record before.
    """

    def __init__(self) -> None:
        self._views: OrderedDict[Hashable, _View] = OrderedDict()
        self._lock = threading.Lock()

    def to_name(self, view: Hashable, ids: Iterable[str]) -> tuple[str, ...] | None:
        """What a record is to name that is due now; ``None`` while the last one is younger than a minute.

        ``view`` is who looks, with which credential, at exactly what: another page or query is another view.
        """
        now = time.monotonic()
        with self._lock:
            known = self._views.pop(view, None)
            due = known is None or now - known.recorded >= LIVE_SECONDS
            kept = known if known is not None and not due else _View(now)
            missed = dict[str, None]() if known is None or not due else known.shown
            self._views[view] = kept
            while len(self._views) > VIEWS_REMEMBERED:
                self._views.popitem(last=False)
            if due:
                ids = tuple(ids)
                unnamed = tuple(dict.fromkeys((*missed, *ids)))
                kept.named = frozenset(unnamed[:RECORDS_NAMED_MAX])
                kept.shown = dict.fromkeys(unnamed[RECORDS_NAMED_MAX:])
                return tuple(one for one in dict.fromkeys((*ids, *missed)) if one in kept.named)
            kept.shown.update((one, None) for one in ids if one not in kept.named)
            return None

    def forget(self, view: Hashable) -> None:
        """The record could not be written: the next look must leave it."""
        with self._lock:
            self._views.pop(view, None)
