# SPDX-License-Identifier: Apache-2.0
"""Why: codes, what they may justify, and texts that say nothing."""

from __future__ import annotations

from typing import Any

import pytest

from byhand.control.reasons import REPEATED, SHIPPED, first_catalogue, justifies, text_digest
from byhand.errors import Invalid
from byhand.ids import new_record_id
from byhand.records.intervention import Justification
from byhand.records.kinds import SCHEMA_VERSION, Administration, Reason
from byhand.trust import administration as trust

NAMED = {
    *("LIQUIDITY_PROVISIONING", "SYSTEM_ERROR_RECOVERY", "FALSE_POSITIVE", "INCIDENT_RESPONSE"),
    *("PLANNED_MAINTENANCE", "CUSTOMER_REQUEST", "DATA_CORRECTION"),
}
TEXT = "Index rebalance: quoting obligation on XLON until 15:00."


def never(person: str, digest: str) -> str | None:
    """Nobody ever said this."""
    return None


def always(person: str, digest: str) -> str | None:
    """Everybody said this before."""
    return new_record_id()


def nothing(record: str) -> str | None:
    """There is no such intent."""
    return None


def why(text: str = TEXT, code: str = "LIQUIDITY_PROVISIONING", **changed: Any) -> Justification:
    return Justification(code=code, text=text, **changed)


def change(*reasons: Reason, subject: str = "reasons") -> Administration:
    return Administration(
        id=new_record_id(), schema=SCHEMA_VERSION, action=trust.REASONS_SET, subject=subject, reasons=reasons
    )


def pointers(refusal: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [fault.pointer for fault in refusal.value.faults]


def test_the_shipped_codes_are_valid_and_in_force_in_a_new_home(office: Any) -> None:
    """``init`` records them as version 1 of the catalogue, signed like any other change."""
    assert {reason.code for reason in SHIPPED} >= NAMED
    version, reasons = office.home.reasons.catalogue()
    assert version == 1
    assert {reason.code for reason in reasons} == {reason.code for reason in SHIPPED}


def test_a_home_before_its_first_catalogue_knows_no_codes(empty_office: Any) -> None:
    """The log is the authority: nothing is in force that nobody signed."""
    assert empty_office.home.reasons.catalogue() == (0, ())


def test_a_good_reason_passes_without_flags(office: Any, breaker: Any) -> None:
    """Code and text of the trader's story."""
    assert office.home.reasons.check(why(), breaker(), person="ada", earlier=never, said=nothing) == ()


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("LIQUIDITY_PROVISION", "LIQUIDITY_PROVISIONING"),
        ("liquidity_provisioning", "LIQUIDITY_PROVISIONING"),
        ("BECAUSE", "use one of LIQUIDITY_PROVISIONING, SYSTEM_ERROR_RECOVERY"),
        ("FALSE_POSITIVE", "use one of LIQUIDITY_PROVISIONING, SYSTEM_ERROR_RECOVERY"),
    ],
)
def test_a_code_that_cannot_justify_is_answered_with_those_that_can(
    office: Any, breaker: Any, code: str, advice: str
) -> None:
    """Unknown codes get the nearest ones, known ones that are not for this point the list of the point."""
    with pytest.raises(Invalid) as refusal:
        office.home.reasons.check(why(code=code), breaker(), person="ada", earlier=never, said=nothing)
    assert pointers(refusal) == ["/justification/code"]
    assert advice in refusal.value.faults[0].advice


def test_a_code_is_bound_to_action_types(office: Any, breaker: Any) -> None:
    """A customer's request cannot justify switching off a trading limit, though the point lists no codes."""
    with pytest.raises(Invalid, match="cannot justify trading"):
        office.home.reasons.check(
            why(code="CUSTOMER_REQUEST"), breaker(reasons=()), person="ada", earlier=never, said=nothing
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "         ",
        "too short",
        "..............",
        "aaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "1234567890123",
        "LIQUIDITY_PROVISIONING",
        "Liquidity provisioning!",
        "liquidity provisioning, liquidity provisioning",
        "A quoting or liquidity obligation must be met.",
        "x" * 4_001,
        "looks fine \u202e but is not",
        "looks fine \u200b but is not",
        "looks fine \x1b[2J but is not",
        "LIQUIDITY_PROVISIONING abcd",
        "LIQUIDITYPROVISIONING abcd",
        "provisioning liquidity provisioning",
        "provisioning of the liquidity",
        "L\u0406QUIDITY_PROVISIONING",
        "LIQUIDITY\u0301_PROVISIONING",
        "asdf asdf asdf",
        "x x x x x yza",
        "abcdabcdabcd",
        "abcdabcdabcdab",
        "ok ok\u3164\u3164\u3164\u3164\u3164\u3164",
        "\u115f\u3164" * 6,
        "short\ufe0f\ufe0f\ufe0f\ufe0f\ufe0f\ufe0f",
    ],
)
def test_a_lazy_or_hostile_text_is_refused(office: Any, breaker: Any, text: str) -> None:
    """Too short, filler, the code over again, too long, or characters that nobody sees."""
    with pytest.raises(Invalid) as refusal:
        office.home.reasons.check(why(text), breaker(), person="ada", earlier=never, said=nothing)
    assert set(pointers(refusal)) == {"/justification/text"}


@pytest.mark.parametrize(
    "text",
    [
        "Börse meldet Störung bis 15 Uhr.",
        "指数再平衡：做市义务到十五点结束",
        "LIQUIDITY_PROVISIONING for XLON, see the desk's rota",
        "first line\nsecond line\twith a tab",
        "می\u200cخواهم بازار را باز نگه دارم تا ظهر",
        "Opened by \U0001f469\u200d\U0001f4bb on call, XLON \u2764\ufe0f",
        "Provisioning of liquidity is owed until 15:00",
        "Reset, reset, reset the feed handler",
        "ตลาดแจ้งขัดข้องถึงบ่ายสาม",
        "बाज़ार में गड़बड़ी की सूचना मिली",
    ],
)
def test_an_honest_text_passes_in_any_script(office: Any, breaker: Any, text: str) -> None:
    """Letters of every script count, line breaks and the code among other words are welcome."""
    assert office.home.reasons.check(why(text), breaker(), person="ada", earlier=never, said=nothing) == ()


def test_all_faults_are_named_at_once(office: Any, breaker: Any) -> None:
    """Code, text and ``same_as`` in one refusal."""
    with pytest.raises(Invalid) as refusal:
        office.home.reasons.check(
            why("lazy", code="NOPE", same_as="that one"), breaker(), person="ada", earlier=never, said=nothing
        )
    assert set(pointers(refusal)) == {"/justification/code", "/justification/text", "/justification/same_as"}


def test_no_reason_is_a_fault(office: Any, breaker: Any) -> None:
    """There is no act without a why."""
    with pytest.raises(Invalid, match="say why"):
        office.home.reasons.check(None, breaker(), person="ada", earlier=never, said=nothing)


def test_a_repeated_text_is_accepted_only_knowingly_and_flagged(office: Any, breaker: Any) -> None:
    """The same words of the same person need ``--same-as``; then the record carries the flag."""
    first = new_record_id()
    said = {("ada", text_digest(TEXT)): first}

    def earlier(person: str, digest: str) -> str | None:
        return said.get((person, digest))

    again = f"  {TEXT.upper()}  "
    with pytest.raises(Invalid) as refusal:
        office.home.reasons.check(why(again), breaker(), person="ada", earlier=earlier, said=nothing)
    assert f"--same-as {first}" in refusal.value.faults[0].advice
    flags = office.home.reasons.check(
        why(TEXT, same_as=first), breaker(), person="ada", earlier=earlier, said=nothing
    )
    assert flags == (REPEATED,)
    assert (
        office.home.reasons.check(why(TEXT), breaker(), person="grace", earlier=earlier, said=nothing) == ()
    )


def test_a_repeated_text_is_named_beside_a_wrong_code(office: Any, breaker: Any) -> None:
    """Whoever corrects the code is not told about the text only afterwards."""
    with pytest.raises(Invalid) as refusal:
        office.home.reasons.check(why(code="NOPE"), breaker(), person="ada", earlier=always, said=nothing)
    assert pointers(refusal) == ["/justification/code", "/justification/text"]


def test_a_text_knowingly_taken_from_somebody_else_is_flagged_too(office: Any, breaker: Any) -> None:
    """``--same-as`` always says that these are not fresh words: whoever used them first."""
    flags = office.home.reasons.check(
        why(same_as=new_record_id()),
        breaker(),
        person="ada",
        earlier=never,
        said=lambda record: text_digest(TEXT),
    )
    assert flags == (REPEATED,)


@pytest.mark.parametrize("said", [None, "Another text altogether."])
def test_same_as_names_an_intent_that_says_the_same(office: Any, breaker: Any, said: str | None) -> None:
    """Not any id: a record that is none, or says something else, is a fault, and the advice names the right one."""
    digest = text_digest(said) if said is not None else None
    first = new_record_id()
    for used, advice in ((None, "leave it out"), (first, f"name {first}")):
        with pytest.raises(Invalid) as refusal:
            office.home.reasons.check(
                why(same_as=new_record_id()),
                breaker(),
                person="ada",
                earlier=lambda person, digest, used=used: used,
                said=lambda record: digest,
            )
        assert pointers(refusal) == ["/justification/same_as"]
        assert advice in refusal.value.faults[0].advice


def test_texts_are_compared_without_regard_to_case_spacing_and_form() -> None:
    """A capital letter or a wider space does not make a new reason."""
    assert text_digest("Straße  gesperrt ﬁx") == text_digest("STRASSE gesperrt fix")
    assert text_digest("one thing") != text_digest("another thing")


@pytest.mark.parametrize(
    "again",
    [f"{TEXT}{more}" for more in ("\ufe0f", "\u3164", "\U000e0041", "\u2800", ".", " \u200d", "!?")]
    + [
        TEXT.replace("a", "\u0430"),
        TEXT.replace("o", "\u03bf"),
        TEXT.replace("I", "\u2160"),
        f"\u201c{TEXT}\u201d",
    ]
    + [TEXT.replace("n", "n\u200d"), TEXT.replace("e", "e\u0301")],
)
def test_what_nobody_sees_or_another_sign_makes_no_new_text(again: str) -> None:
    """Invisible characters, punctuation, twins of other scripts and accents leave the words as they were."""
    assert text_digest(again) == text_digest(TEXT)


def test_another_number_makes_a_new_text() -> None:
    """Digits are words: 15 is not 1.5, and 16:00 not 15:00."""
    assert len({text_digest(f"Raise it to {number}") for number in ("15", "1.5", "16", "8", "6")}) == 5


def test_the_catalogue_grows_and_codes_retire(office: Any, breaker: Any) -> None:
    """Each change is a new version; a retired code justifies nothing any more."""
    regulator = Reason(
        code="REGULATOR_ORDER", summary="An authority ordered it in writing", actions=("trading.*",)
    )
    office.home.reasons.submit(office.caller("ada"), office.signed(change(regulator), "ada"))
    version, reasons = office.home.reasons.catalogue()
    assert version == 2
    assert regulator in reasons
    retired = Reason(**{**{n: getattr(regulator, n) for n in regulator.__struct_fields__}, "retired": True})
    office.home.reasons.submit(office.caller("ada"), office.signed(change(retired), "ada"))
    assert regulator.code not in {reason.code for reason in office.home.reasons.catalogue()[1]}
    with pytest.raises(Invalid):
        office.home.reasons.check(
            why(code=regulator.code), breaker(reasons=()), person="ada", earlier=never, said=nothing
        )


def test_a_catalogue_never_leaves_a_point_without_a_code(office: Any, breaker: Any) -> None:
    """Retiring the last code of a point would lock everybody out: it is refused with the point's name."""
    office.register(breaker(reasons=("LIQUIDITY_PROVISIONING",)))
    (code,) = [reason for reason in SHIPPED if reason.code == "LIQUIDITY_PROVISIONING"]
    retired = Reason(code=code.code, summary=code.summary, actions=code.actions, retired=True)
    with pytest.raises(Invalid, match="mm7-breaker would be left without a reason code"):
        office.home.reasons.submit(office.caller("ada"), office.signed(change(retired), "ada"))


@pytest.mark.parametrize(
    ("reason", "pointer"),
    [
        (Reason(code="lower", summary="long enough to say"), "/reasons/0/code"),
        (Reason(code="A", summary="short"), "/reasons/0/summary"),
        (Reason(code="A", summary="long enough\x1b to say"), "/reasons/0/summary"),
        (Reason(code="A", summary="long enough to say", actions=()), "/reasons/0/actions"),
        (Reason(code="A", summary="long enough to say", actions=("*", "Trading.*")), "/reasons/0/actions/1"),
        (Reason(code="A", summary="long enough to say", actions=("trading.[ab]",)), "/reasons/0/actions/0"),
    ],
)
def test_each_fault_of_a_code_is_named(office: Any, reason: Reason, pointer: str) -> None:
    """With its JSON pointer."""
    with pytest.raises(Invalid) as refusal:
        office.home.reasons.submit(office.caller("ada"), office.signed(change(reason), "ada"))
    assert pointers(refusal) == [pointer]


def test_a_change_of_the_catalogue_is_one(office: Any) -> None:
    """No codes, a code twice, another subject or another action are refused."""
    good = Reason(code="A", summary="long enough to say")
    for record, pointer in (
        (change(), "/reasons"),
        (change(good, good), "/reasons"),
        (change(good, subject="points"), "/subject"),
        (office.point_record(a_point()), "/action"),
    ):
        with pytest.raises(Invalid) as refusal:
            office.home.reasons.submit(office.caller("ada"), record)
        assert pointer in pointers(refusal)


def a_point() -> Any:
    """A point, where reasons are wanted."""
    from byhand.records.kinds import Point

    return Point(name="p", action="a.b.c", system="s", type="t", id="i", owner="o")


@pytest.mark.parametrize(
    ("pattern", "action", "matches"),
    [
        ("*", "trading.limit.raise", True),
        ("trading.*", "trading.limit.raise", True),
        ("trading.*", "tradings.limit.raise", False),
        ("trading.limit.raise", "trading.limit.raise", True),
        ("trading.*.raise", "trading.limit.raise", True),
        ("payment.*", "trading.limit.raise", False),
    ],
)
def test_patterns_match_action_types(pattern: str, action: str, matches: bool) -> None:
    """``*`` stands for any text, dots too; everything else for itself."""
    assert justifies(Reason(code="A", summary="", actions=(pattern,)), action) is matches


def test_the_first_catalogue_holds_the_shipped_codes() -> None:
    """What ``init`` asks the first officer to sign."""
    record = first_catalogue()
    assert (record.action, record.reasons) == (trust.REASONS_SET, SHIPPED)
