# SPDX-License-Identifier: Apache-2.0
"""Why: the versioned catalogue of reason codes, and what is a lazy text."""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import unicodedata
from collections.abc import Callable

from byhand.client.contract import Acknowledgement
from byhand.control.administration import AdministrationFold
from byhand.control.identity import Caller
from byhand.errors import Fault, Invalid
from byhand.records import rules
from byhand.records.intervention import Justification
from byhand.records.kinds import Administration, Point, Reason

TEXT_LENGTH_MIN = 10  # shorter says nothing to whoever reads it in five years
DIFFERENT_CHARACTERS_MIN = 4  # "aaaaaaaaaa" and "..........." are not reasons
NEAREST = 3
REPEATED = "text_repeated"

SHIPPED: tuple[Reason, ...] = (
    Reason(
        code="LIQUIDITY_PROVISIONING",
        summary="A quoting or liquidity obligation must be met",
        actions=("trading.*",),
    ),
    Reason(code="SYSTEM_ERROR_RECOVERY", summary="The automation itself is at fault and must be brought back"),
    Reason(code="FALSE_POSITIVE", summary="The automated check is wrong about this case"),
    Reason(code="INCIDENT_RESPONSE", summary="Limiting the damage of an incident under way"),
    Reason(code="PLANNED_MAINTENANCE", summary="Work that was planned and announced"),
    Reason(code="CUSTOMER_REQUEST", summary="A customer asked for it", actions=("payment.*", "account.*", "crm.*", "erp.*")),
    Reason(code="DATA_CORRECTION", summary="A wrong value is put right"),
)


class Reasons:
    """The catalogue of one home."""

    def __init__(self, administration: AdministrationFold) -> None:
        self._administration = administration

    def catalogue(self) -> tuple[int, tuple[Reason, ...]]:
        """Version, and every code in force; version 0 is the shipped catalogue."""
        now = self._administration.current()
        return now.catalogue, tuple(now.reasons[code] for code in sorted(now.reasons) if not now.reasons[code].retired)

    def for_point(self, point: Point) -> tuple[Reason, ...]:
        """The codes that may justify an act at ``point``."""
        _, reasons = self.catalogue()
        return tuple(reason for reason in reasons if _allowed(reason, point.action, point))

    def submit(self, caller: Caller | None, record: Administration) -> Acknowledgement:
        """Add, change or retire codes; raises Invalid naming every fault."""
        found: list[Fault] = []
        if not record.reasons:
            found.append(Fault("/reasons", "are missing"))
        for number, reason in enumerate(record.reasons):
            at = f"/reasons/{number}"
            rules.code_fault(reason.code, f"{at}/code", found)
            if len(reason.summary.strip()) < TEXT_LENGTH_MIN:
                found.append(Fault(f"{at}/summary", f"must say in at least {TEXT_LENGTH_MIN} characters what it covers"))
            if not reason.actions:
                found.append(Fault(f"{at}/actions", "are missing", 'write "*" for every action type'))
        if found:
            raise Invalid("the reason codes are not valid", tuple(found))
        return self._administration.submit(caller, record)

    def check(
        self,
        justification: Justification | None,
        point: Point,
        *,
        person: str,
        earlier: Callable[[str, str], str | None],
    ) -> tuple[str, ...]:
        """Flags for the record; raises Invalid naming every fault.

        1 the code is in the catalogue; 2 it may justify this action at this point; 3 the text says something;
        4 a text the same person used before is repeated knowingly. ``earlier(person, digest)`` is the record
        that used it.
        """
        if justification is None:
            raise Invalid("the reason is not valid", (Fault("/justification", "is missing", "say why"),))
        found: list[Fault] = []
        self._check_code(justification.code, point, found)  # 1, 2
        _check_text(justification, found)  # 3
        used = earlier(person, text_digest(justification.text))
        if used is not None and justification.same_as is None:  # 4
            advice = f"say what is different this time, or repeat it knowingly with --same-as {used}"
            found.append(Fault("/justification/text", "was used before, word for word", advice))
        if found:
            raise Invalid("the reason is not valid", tuple(found))
        return (REPEATED,) if used is not None else ()

    def _check_code(self, code: str, point: Point, found: list[Fault]) -> None:
        _, reasons = self.catalogue()
        known = {reason.code: reason for reason in reasons}
        offered = [reason.code for reason in reasons if _allowed(reason, point.action, point)]
        if code not in known:
            near = difflib.get_close_matches(code.upper(), known, n=NEAREST)
            advice = f"did you mean {', '.join(near)}?" if near else f"use one of {', '.join(offered)}"
            found.append(Fault("/justification/code", "is not in the catalogue of reasons", advice))
        elif code not in offered:
            advice = f"use one of {', '.join(offered)}"
            found.append(Fault("/justification/code", f"{code} cannot justify {point.action} here", advice))


def _allowed(reason: Reason, action: str, point: Point) -> bool:
    if point.reasons and reason.code not in point.reasons:
        return False
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in reason.actions)


def _check_text(justification: Justification, found: list[Fault]) -> None:
    text = justification.text.strip()
    at = "/justification/text"
    if len(text) < TEXT_LENGTH_MIN:
        found.append(Fault(at, f"is shorter than {TEXT_LENGTH_MIN} characters", "say why, so that a stranger understands"))
    words = [character for character in text.casefold() if character.isalnum()]
    if len(set(words)) < DIFFERENT_CHARACTERS_MIN:
        found.append(Fault(at, "says nothing", "write a sentence, not filler"))
    plain = "".join(words)
    if plain and plain == "".join(c for c in justification.code.casefold() if c.isalnum()):
        found.append(Fault(at, "only repeats the code", "say why in your own words"))


def text_digest(text: str) -> str:
    """SHA-256 (hex) of a text without regard to case, spacing or Unicode form."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
