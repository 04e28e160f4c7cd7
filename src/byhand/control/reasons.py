# SPDX-License-Identifier: Apache-2.0
"""Why: the versioned catalogue of reason codes, and what is a lazy text."""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache

from byhand.client.contract import Acknowledgement
from byhand.control.administration import Administrated, AdministrationFold
from byhand.control.identity import Caller
from byhand.errors import Fault, Invalid
from byhand.ids import new_record_id
from byhand.records import limits, rules
from byhand.records.intervention import Justification
from byhand.records.kinds import SCHEMA_VERSION, Administration, Point, Reason
from byhand.records.limits import DIFFERENT_CHARACTERS_MIN, TEXT_LENGTH_MIN
from byhand.records.lookalikes import INVISIBLE, words
from byhand.trust import administration as trust

LETTERS_BESIDE_MIN = 10  # beside the code, or once each word is counted once: fewer say nothing of their own
REPEATED_RUN_LENGTH_MAX = 20  # letters of a run typed again and again; a longer one is a sentence
NEAREST = 3  # names offered for a misspelt one: more is a list, not help
SUMMARY_LENGTH_MAX = 200  # one line of the prompt
PATTERNS_MAX = 64  # action patterns of one code; with more it says nothing about the act
CODES_MAX = 500  # codes in one change; people choose from a list they can read
REPEATED = "text_repeated"
CATALOGUE = "reasons"
"""What an administration of the catalogue names as its subject."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Unicode's category Cc, but for line feed and tabulator."""
_PATTERN = re.compile(r"\*|[a-z][a-z0-9_]*(?:\.[a-z0-9_*]+)*")

SHIPPED: tuple[Reason, ...] = (
    Reason(
        code="LIQUIDITY_PROVISIONING",
        summary="A quoting or liquidity obligation must be met",
        actions=("trading.*",),
    ),
    Reason(
        code="SYSTEM_ERROR_RECOVERY", summary="The automation itself is at fault and must be brought back"
    ),
    Reason(code="FALSE_POSITIVE", summary="The automated check is wrong about this case"),
    Reason(code="INCIDENT_RESPONSE", summary="Limiting the damage of an incident under way"),
    Reason(code="PLANNED_MAINTENANCE", summary="Work that was planned and announced"),
    Reason(
        code="CUSTOMER_REQUEST",
        summary="A customer asked for it",
        actions=("payment.*", "account.*", "crm.*", "erp.*"),
    ),
    Reason(code="DATA_CORRECTION", summary="A wrong value is put right"),
)
FITS_REMEMBERED = 4_096  # a hundred codes against the actions of a day; each is asked at every declaration


class Reasons:
    """The catalogue of one home."""

    def __init__(self, administration: AdministrationFold) -> None:
        self._administration = administration

    def catalogue(self) -> tuple[int, tuple[Reason, ...]]:
        """Version, and every code in force by name; version 0 is empty, ``init`` records what is shipped."""
        now = self._administration.current()
        return now.catalogue, tuple(
            now.reasons[code] for code in sorted(now.reasons) if not now.reasons[code].retired
        )

    def for_point(self, point: Point) -> tuple[Reason, ...]:
        """The codes that may justify an act at ``point``."""
        _, reasons = self.catalogue()
        return tuple(reason for reason in reasons if _allowed(reason, point))

    def submit(self, caller: Caller, record: Administration) -> Acknowledgement:
        """Add, change or retire codes; raises Invalid naming every fault, Refused when unsigned."""
        if record.action != trust.REASONS_SET:
            raise Invalid("this changes no reasons", (Fault("/action", f"must be {trust.REASONS_SET}"),))
        found: list[Fault] = []
        _check_catalogue(record, found)
        if found:
            raise Invalid("the reason codes are not valid", tuple(found))
        return self._administration.submit(caller, record, check=lambda now: _check_points(record, now))

    def check(
        self,
        justification: Justification | None,
        point: Point,
        *,
        person: str,
        earlier: Callable[[str, str], str | None],
        said: Callable[[str], str | None],
    ) -> tuple[str, ...]:
        """Flags for the record; raises Invalid naming every fault.

        1 the code is in the catalogue; 2 it may justify this action at this point; 3 the text says something;
        4 a text the same person used before is repeated knowingly; 5 ``same_as`` names a record that says the
        same. ``earlier(person, digest)`` is the record that used it first, ``said(record)`` the digest of what
        the intent ``record`` says.
        """
        if justification is None:
            raise Invalid("the reason is not valid", (Fault("/justification", "is missing", "say why"),))
        found: list[Fault] = []
        reason = self._reason(justification.code, point, found)  # 1, 2
        before = len(found)
        _check_text(justification, reason, found)  # 3
        digest, same_as = text_digest(justification.text), justification.same_as
        used = earlier(person, digest) if len(found) == before else None
        if used is not None and same_as is None:  # 4
            advice = f"say what is different this time, or repeat it knowingly with --same-as {used}"
            found.append(Fault("/justification/text", "was used before, word for word", advice))
        if same_as is not None and not rules.is_record_id(same_as):  # 5
            found.append(Fault("/justification/same_as", "is no record id"))
        elif same_as is not None and same_as != used and said(same_as) != digest:
            advice = f"name {used}" if used is not None else "leave it out: these words are new"
            found.append(Fault("/justification/same_as", "names no intent that says the same", advice))
        if found:
            raise Invalid("the reason is not valid", tuple(found))
        return (REPEATED,) if same_as is not None else ()

    def _reason(self, code: str, point: Point, found: list[Fault]) -> Reason | None:
        _, reasons = self.catalogue()
        known = next((reason for reason in reasons if reason.code == code), None)
        if known is not None and _allowed(known, point):
            return known
        offered = [reason.code for reason in reasons if _allowed(reason, point)]
        if known is None:
            near = difflib.get_close_matches(code.upper(), offered, n=NEAREST)
            advice = f"did you mean {', '.join(near)}?" if near else f"use one of {', '.join(offered)}"
            found.append(Fault("/justification/code", "is not in the catalogue of reasons", advice))
        else:
            advice = f"use one of {', '.join(offered)}"
            found.append(Fault("/justification/code", f"{code} cannot justify {point.action} here", advice))
        return known


def first_catalogue() -> Administration:
    """The record with which a new home takes over the shipped codes; officers still have to sign it."""
    return Administration(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        action=trust.REASONS_SET,
        subject=CATALOGUE,
        reasons=SHIPPED,
    )


def justifies(reason: Reason, action: str) -> bool:
    """Whether ``reason`` is bound to ``action``; ``*`` in a pattern stands for any text, dots too."""
    return _fits(reason.actions, action)


@lru_cache(FITS_REMEMBERED)
def _fits(patterns: tuple[str, ...], action: str) -> bool:
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in patterns)


def _allowed(reason: Reason, point: Point) -> bool:
    if point.reasons and reason.code not in point.reasons:
        return False
    return justifies(reason, point.action)


def _check_catalogue(record: Administration, found: list[Fault]) -> None:
    codes = [reason.code for reason in record.reasons]
    if not 1 <= len(codes) <= CODES_MAX:
        found.append(Fault("/reasons", f"must be 1 to {CODES_MAX}"))
    if len(set(codes)) != len(codes):
        found.append(Fault("/reasons", "name a code twice", "name each once"))
    if record.subject != CATALOGUE:
        found.append(Fault("/subject", f"must be {CATALOGUE}"))
    for number, reason in enumerate(record.reasons[:CODES_MAX]):
        _check_reason(reason, f"/reasons/{number}", found)


def _check_reason(reason: Reason, at: str, found: list[Fault]) -> None:
    rules.code_fault(reason.code, f"{at}/code", found)
    summary = reason.summary
    if not TEXT_LENGTH_MIN <= len(summary.strip()) <= SUMMARY_LENGTH_MAX:
        complaint = f"must say in {TEXT_LENGTH_MIN} to {SUMMARY_LENGTH_MAX} characters what it covers"
        found.append(Fault(f"{at}/summary", complaint))
    if not summary.isprintable() or rules.hidden(summary):
        found.append(Fault(f"{at}/summary", "holds characters that cannot be seen"))
    if not 1 <= len(reason.actions) <= PATTERNS_MAX:
        found.append(
            Fault(f"{at}/actions", f"must be 1 to {PATTERNS_MAX}", 'write "*" for every action type')
        )
    for number, pattern in enumerate(reason.actions[:PATTERNS_MAX]):
        if len(pattern) > limits.ACTION_LENGTH_MAX or _PATTERN.fullmatch(pattern) is None:
            found.append(
                Fault(f"{at}/actions/{number}", "is no pattern of action types", 'write e.g. "trading.*"')
            )


def _check_points(record: Administration, now: Administrated) -> None:
    """Refuse a catalogue that would leave a point without any code: nobody could act there any more."""
    after = {**now.reasons, **{reason.code: reason for reason in record.reasons}}
    in_force = [reason for reason in after.values() if not reason.retired]
    found = [
        Fault(
            "/reasons",
            f"the point {point.name} would be left without a reason code",
            "change the point first",
        )
        for point in now.points.values()
        if not any(_allowed(reason, point) for reason in in_force)
    ]
    if found:
        raise Invalid("the reason codes are not valid", tuple(found))


def _check_text(justification: Justification, reason: Reason | None, found: list[Fault]) -> None:
    """The text says something: long enough, in words, and more than the code or its summary already say."""
    text = INVISIBLE.sub("", justification.text).strip()
    at = "/justification/text"
    if len(text) < TEXT_LENGTH_MIN:
        found.append(
            Fault(
                at, f"is shorter than {TEXT_LENGTH_MIN} characters", "say why, so that a stranger understands"
            )
        )
    if len(justification.text) > limits.NOTES_LENGTH_MAX:
        found.append(Fault(at, f"is longer than {limits.NOTES_LENGTH_MAX} characters", "use the ticket"))
    if rules.hidden_in_text(justification.text) or _CONTROLS.search(text) is not None:
        found.append(Fault(at, "holds characters that cannot be seen"))
    complaint = _complaint(words(text), justification.code, reason)
    if complaint is not None:
        found.append(Fault(at, *complaint))


def _complaint(said: list[str], code: str, reason: Reason | None) -> tuple[str, str] | None:
    """What is lazy about the words of a text, and what to do."""
    plain = "".join(said)
    filler = ("says nothing", "write a sentence, not filler")
    if len(set(plain)) < DIFFERENT_CHARACTERS_MIN or not any(one.isalpha() for one in plain):
        return filler
    own = _without_code(said, code)
    if own != said and len("".join(dict.fromkeys(own))) < LETTERS_BESIDE_MIN:
        return "only repeats the code", "say why in your own words"
    repeats = len(set(said)) < len(said) and len("".join(set(said))) < LETTERS_BESIDE_MIN
    if repeats or _is_over_and_over(plain):
        return filler
    if reason is not None and plain == "".join(words(reason.summary)):
        return "only repeats what the code says", "say why in your own words"
    return None


def _without_code(said: list[str], code: str) -> list[str]:
    """The words that the code does not already say, written apart or as one."""
    of_code = words(code)
    rest = [word.replace("".join(of_code), "") if of_code else word for word in said if word not in of_code]
    return [word for word in rest if word]


def _is_over_and_over(plain: str) -> bool:
    """Whether it is one short run of letters again and again: "abcdabcdabcd"."""
    longest = min(len(plain) // 2, REPEATED_RUN_LENGTH_MAX)
    return any(plain.startswith(plain[length:]) for length in range(1, longest + 1))


def text_digest(text: str) -> str:
    """SHA-256 (hex) of a text's words: two with the same are one, word for word."""
    return hashlib.sha256(" ".join(words(text)).encode("utf-8", "surrogatepass")).hexdigest()
