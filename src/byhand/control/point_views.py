# SPDX-License-Identifier: Apache-2.0
"""What a client must know of a point before it declares, and which point a declaration is about."""

from __future__ import annotations

import hmac
import threading

from byhand.client.contract import PointView
from byhand.control.points import MODES, TIERS, Points
from byhand.control.reasons import Reasons
from byhand.errors import Fault, Invalid, NotFound, NotPermitted, Refused
from byhand.records import canonical
from byhand.records.intervention import Declaration
from byhand.records.kinds import Intent, Point
from byhand.trust import break_glass, facts as facts_of, runbook
from byhand.trust.requirement import requirement

VIEWS_REMEMBERED = 4_096  # points in use at once in one process; each is a kilobyte
MAC_KEY_ID_LENGTH = 16  # hex digits: enough to tell keys apart, too few to learn anything


class PointViews:
    """Points with the keys that their secrets are masked under: one key per origin, target and field."""

    def __init__(
        self, origin: str, points: Points, reasons: Reasons, mac_secret: bytes, intent_seconds: int
    ) -> None:
        self._origin = origin
        self._points = points
        self._reasons = reasons
        self._mac_secret = mac_secret
        self._intent_seconds = intent_seconds
        self._lock = threading.Lock()
        self._head = -1
        self._views: dict[str | Point, PointView] = {}

    def registered(self, name: str) -> PointView:
        """The registered point ``name``; raises NotFound."""
        return self._view(self._points.get(name), registered=True)

    def unregistered(self, action: str, system: str, type_: str, id_: str, field: str) -> PointView:
        """A target that nobody registered: production, high, enforce."""
        return self._view(self._points.unregistered(action, system, type_, id_, field), registered=False)

    def declared(self, declaration: Declaration) -> PointView:
        """The view that ``declaration`` is about."""
        if declaration.point is not None:
            return self.registered(declaration.point)
        target = declaration.target
        if target is None:
            raise Invalid(
                "the declaration names neither a point nor a target", (Fault("/point", "is missing"),)
            )
        field = declaration.change.field
        return self.unregistered(declaration.action, target.system, target.type, target.id, field)

    def check_still(self, intent: Intent) -> None:
        """Raise NotPermitted when the place of ``intent`` changed, or is guarded more strictly than it was then."""
        try:
            view = self.declared(intent.declaration)
        except (NotFound, Refused) as error:
            raise _changed(str(error)) from error
        point, target, declared = view.point, intent.target, intent.declaration
        here = (point.system, point.type, point.id, point.field, point.action)
        if here != (target.system, target.type, target.id, declared.change.field, declared.action):
            raise _changed(f"{point.name} is another target, field or action now")
        if MODES.index(view.mode) > MODES.index(intent.mode):
            raise _changed(f"{point.name} is in mode {view.mode}, no longer in {intent.mode}")
        if TIERS.index(view.tier) > TIERS.index(target.tier):
            raise _changed(f"{point.name} is of tier {view.tier}, no longer {target.tier}")
        if intent.mode == "enforce":
            _check_asks_no_more(intent, point)

    def ignored(self, intent: Intent) -> tuple[str, ...]:
        """The pointers that comparison leaves out at this moment for the intent's target, retired points included.

        They belong to the moment: a verifier follows the point's changes to the place of each permit in the log.
        """
        if intent.target.point is None:
            return ()
        point = self._points.find(intent.target.point)
        return point.ignore if point is not None else ()

    def _view(self, point: Point, *, registered: bool) -> PointView:
        """Worked out once for each state of byhand and point: every declaration asks for it."""
        head = self._points.head()
        key = point.name if registered else point
        with self._lock:
            if head != self._head or len(self._views) >= VIEWS_REMEMBERED:
                self._head, self._views = head, {}
            known = self._views.get(key)
        if known is None:
            known = self._worked_out(point, registered=registered)
            with self._lock:
                if head == self._head:
                    self._views[key] = known
        return known

    def _worked_out(self, point: Point, *, registered: bool) -> PointView:
        version, _ = self._reasons.catalogue()
        bound = canonical.encode([self._origin, point.system, point.type, point.id, point.field])
        return PointView(
            point=point,
            registered=registered,
            mode=point.mode,
            tier=point.tier,
            catalogue=version,
            reasons=self._reasons.for_point(point),
            intent_seconds=self._intent_seconds,
            mac_key=hmac.digest(self._mac_secret, b"byhand/redaction/v1\n" + bound, "sha256").hex(),
            mac_key_id=hmac.digest(self._mac_secret, b"byhand/redaction-id/v1\n" + bound, "sha256").hex()[
                :MAC_KEY_ID_LENGTH
            ],
        )


def _check_asks_no_more(intent: Intent, point: Point) -> None:
    """Raise NotPermitted when more approvals are demanded here by now than the intent was declared to need."""
    decision = intent.decision
    if break_glass.is_break_glass(intent) or decision.authorised_by is not None:
        return  # it waits for nobody, or was authorised with what it undoes
    if runbook.is_runbook(intent):
        return  # whether that still lets it pass is asked of the runbook
    needs = requirement(
        point.tier,
        point,
        intent.declaration.change,
        trial=decision.trial,
        by_agent=facts_of.by_agent(intent.actor.via),
    )
    if needs.approvals > decision.approvals_needed or set(needs.approvers) - set(decision.approvers):
        raise _changed(
            f"{point.name} demands {needs.approvals} approvals, no longer {decision.approvals_needed}"
        )


def _changed(how: str) -> NotPermitted:
    return NotPermitted(f"the point changed since this was declared: {how}", advice="Declare anew.")
