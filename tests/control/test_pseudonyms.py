# SPDX-License-Identifier: Apache-2.0
"""Views under pseudonyms: the same name for the same person, in this home alone, and no way back to the person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from byhand import wiring
from byhand.client.desk import Desk
from byhand.control.pseudonyms import PREFIX, ROLE, Pseudonyms
from byhand.errors import Invalid, NotPermitted, Refused
from byhand.ids import new_record_id
from byhand.records.actor import Authentication, Via
from byhand.records.base import Part
from byhand.records.circles import Circle, Member
from byhand.records.credentials import AccountLink
from byhand.records.kinds import SCHEMA_VERSION, Administration, Outcome
from byhand.trust import administration as trust, statements

TEXT = "Ada asked ada, she said: ada.lovelace knows, so does ADA"
WAYS: dict[str, Callable[[Any, str], object]] = {
    "show": lambda desk, one: desk.show(one),
    "search": lambda desk, one: desk.search(""),
    "facets": lambda desk, one: desk.facets(""),
    "timeline": lambda desk, one: desk.timeline(""),
    "diff": lambda desk, one: desk.diff(one),
    "export": lambda desk, one: list(desk.export("")),
    "export of records": lambda desk, one: list(desk.export("", rows="records", form="ndjson")),
    "accesses": lambda desk, one: desk.accesses(""),
    "findings": lambda desk, one: desk.findings(""),
}


class By:
    """A caller as the credential behind a request."""

    def __init__(self, caller: Any) -> None:
        self._caller = caller

    def caller(self, scope: str) -> Any:
        return self._caller


@pytest.fixture
def desk(archive: Any) -> Callable[..., Desk]:
    """The desk of a person, with what came before it: an act, a review, a read."""
    one = archive.raise_limit("alpha", TEXT, old="ada", new="ada.lovelace and grace")
    archive.home.findings.review(archive.ada, one, "wrong", "Ada Lovelace had not asked at all.")
    archive.home.reading.search(archive.ada, "ada actor:ada")

    def made(person: str = "ada", **changed: Any) -> Desk:
        caller = msgspec.structs.replace(archive.office.caller(person), **changed)
        opened = wiring.open_desk(archive.home, "")
        opened._who = By(caller)  # type: ignore[assignment]
        return opened

    return made


def written(answer: object) -> str:
    """All of an answer as one text."""
    return msgspec.json.encode(answer).decode().casefold()


@pytest.mark.parametrize("way", WAYS)
def test_no_answer_names_a_person(archive: Any, desk: Callable[..., Desk], way: str) -> None:
    """Neither as who acted, nor in notes, values, queries, signatures or sessions; other words stay."""
    one = archive.found("")[0]
    plain, veiled = WAYS[way](desk(), one), WAYS[way](desk().veiled(), one)
    assert "ada" in written(plain)
    text = written(veiled).replace("ada.lovelace", "")  # who is nobody here
    for name in (
        '"ada"',
        "ada ",
        " ada",
        "ada,",
        "ada:",
        archive.ada.credential.casefold(),
        "ssh signature",
        "ada asked",
    ):
        assert name not in text, (name, text)
    assert archive.home.reading.pseudonyms.of("ada") in text
    if isinstance(veiled, Part):
        assert type(veiled) is type(plain)


def test_a_pseudonym_is_the_same_everywhere_in_a_home_and_another_in_each(archive: Any) -> None:
    """It is keyed: without the home's secret, a list of names does not give it away."""
    names = archive.home.reading.pseudonyms
    assert names.of("ada") == names.of("ada") != names.of("grace")
    assert archive.office.open().reading.pseudonyms.of("ada") == names.of("ada")
    others = (
        Pseudonyms(b"\0" * 32, archive.home.origin, archive.home.people),
        Pseudonyms(names._key, "another.example/log", archive.home.people),
    )
    assert names.of("ada") not in {one.of("ada") for one in others}
    assert names.of("ada").startswith(PREFIX)


def test_persons_are_found_by_their_pseudonym_alone(archive: Any, desk: Callable[..., Desk]) -> None:
    """A name, its beginning or its absence would tell whose pseudonym stands in the answer."""
    pseudonym = archive.home.reading.pseudonyms.of("ada")
    veiled = desk().veiled()
    (row,) = veiled.search(f"actor:{pseudonym}").rows
    assert row.person == pseudonym
    assert veiled.search(f"-actor:{pseudonym}").rows == ()
    assert veiled.accesses(f"actor:{pseudonym}").rows
    for query in (
        "actor:ada",
        "person:a*",
        "-actor:ada",
        "actor:grace",
        f"actor:{pseudonym[:-3]}*",
        "actor:*",
    ):
        for ask in (
            veiled.search,
            veiled.facets,
            veiled.timeline,
            veiled.accesses,
            veiled.findings,
            veiled.export,
        ):
            with pytest.raises(Invalid, match="pseudonym"):
                ask(query)


def test_no_word_search_finds_who_acted(archive: Any, desk: Callable[..., Desk]) -> None:
    """Who declared is no word of the intervention: free words tell nothing about it."""
    archive.raise_limit("beta", "Replaying dropped orders of the morning")
    assert [row.point for row in desk().veiled().search("ada").rows] == ["alpha"]  # whose notes say so


@pytest.mark.parametrize("credential", ["session", "token"])
def test_whoever_has_the_role_sees_nothing_else(
    archive: Any, desk: Callable[..., Desk], credential: str
) -> None:
    """No option, no token and no second key of theirs shows a name; bundles are refused."""
    archive.office.enrol("hal", "ada", roles=(ROLE,))
    archive.office.enrol("hal", "ada", key="hal-2")
    roles = {"session": (ROLE,), "token": ()}[credential]
    signed = Authentication(method=credential, when=archive.ada.authentication.when, credential="x")
    hal = desk(
        "hal", roles=roles, authentication=signed, via=Via(kind="token", id="t") if not roles else None
    )
    one = archive.found("")[0]
    for way, read in WAYS.items():
        assert '"ada"' not in written(read(hal, one)), way
    with pytest.raises(Refused, match="evidence names persons"):
        hal.evidence(one)
    assert archive.accesses()[-1].refused is not None
    with pytest.raises(Invalid, match="pseudonym"):
        hal.search("actor:ada")
    assert archive.accesses()[-1].pseudonymous


def test_the_access_record_names_the_reader_and_says_how_they_saw(
    archive: Any, desk: Callable[..., Desk]
) -> None:
    """Who looks at others under pseudonyms has none in the log."""
    desk().veiled().search("state:applied")
    last = archive.accesses()[-1]
    assert (last.actor.person, last.query, last.pseudonymous) == ("ada", "state:applied", True)
    desk().search("state:applied")
    assert not archive.accesses()[-1].pseudonymous


def test_administration_is_shown_without_its_persons_too(archive: Any, desk: Callable[..., Desk]) -> None:
    """An enrolment's subject, its signatures and its display name."""
    archive.office.enrol("grace", "ada", roles=(statements.OFFICER,))
    entries = archive.home.journal.reader.chain("administration")
    for entry in entries:
        text = written(desk().veiled().show(entry.leaf.id))
        assert "grace" not in text
        assert '"ada"' not in text
        assert "payload" not in text


def test_not_even_a_refusal_names_a_person(archive: Any, desk: Callable[..., Desk]) -> None:
    """Whose intent it is, is not told to whoever sees pseudonyms only."""
    archive.office.enrol("hal", "ada", roles=(ROLE,))
    with pytest.raises(Refused) as refused:
        desk("hal", roles=(ROLE,)).intended(archive.found("")[0])
    assert "ada" not in str(refused.value)


def test_whoever_comes_with_the_wrong_intent_is_not_told_whose_it_is(archive: Any) -> None:
    """Neither at the gate nor where one asks who was told of it."""
    archive.office.enrol("hal", "ada", roles=(ROLE,))
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    hal, home = archive.office.caller("hal"), archive.home
    circles = wiring.open_circles(home, "")
    circles._who = By(hal)  # type: ignore[assignment]
    outcome = Outcome(
        id=new_record_id(), schema=SCHEMA_VERSION, intervention=one, result="abandoned", attempt="1"
    )
    for attempt in (
        lambda: circles.asked(one),
        lambda: home.gate.permit(hal, one),
        lambda: home.gate.conclude(hal, one, outcome),
    ):
        with pytest.raises((Refused, NotPermitted)) as refused:
            attempt()
        assert "ada" not in f"{refused.value} {refused.value.advice}"


def test_circles_are_listed_without_names_too(archive: Any) -> None:
    """Members, and destinations called after them; everybody else sees both."""
    archive.office.enrol("hal", "ada", roles=(ROLE,))
    circle = Circle(
        name="desk",
        members=(Member(person="ada", destinations=("smtp:ada-at-home",)),),
        destinations=("slack:desk",),
    )
    record = Administration(
        id=new_record_id(), schema=SCHEMA_VERSION, action=trust.CIRCLE_SET, subject="desk", circle=circle
    )
    archive.home.circles.submit(archive.ada, archive.office.signed(record, "ada"))
    desk = wiring.open_circles(archive.home, "")
    desk._who = By(archive.ada)  # type: ignore[assignment]
    assert desk.circles() == (circle,)
    desk._who = By(archive.office.caller("hal"))  # type: ignore[assignment]
    (shown,) = desk.circles()
    assert shown.name == "desk"
    assert "ada" not in written(shown)
    assert shown.members[0].person == archive.home.reading.pseudonyms.of("ada")


def test_an_account_does_not_give_its_person_away(archive: Any, desk: Callable[..., Desk]) -> None:
    """The record that links it names it in its subject; both stay with those who see names."""
    for action in (trust.ACCOUNT_LINK, trust.ACCOUNT_UNLINK):
        link = AccountLink(issuer="github", account="the-countess", person="ada")
        record = Administration(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            action=action,
            subject="github:the-countess",
            link=link,
        )
        archive.home.credentials.submit(archive.ada, archive.office.signed(record, "ada"))
        assert "countess" in written(desk().show(record.id))
        assert "countess" not in written(desk().veiled().show(record.id))


def test_what_waits_is_refused_under_pseudonyms_and_that_is_on_record(
    archive: Any, desk: Callable[..., Desk]
) -> None:
    """Who approves must know whose act it is; that somebody without names asked stands in the log."""
    one = archive.found("")[0]
    for operation, ask in (
        ("inbox", lambda: desk().veiled().inbox()),
        ("approvals", lambda: desk().veiled().approvals(one)),
    ):
        before = len(archive.accesses())
        with pytest.raises(Refused, match="no inbox under pseudonyms"):
            ask()
        (access,) = archive.accesses()[before:]
        assert (access.operation, access.pseudonymous, access.count) == (operation, True, 0)
        assert access.refused is not None


@pytest.mark.parametrize(
    ("text", "hides", "keeps"),
    [
        ("Grace Hopper had it, and grace hopper too.", ("grace", "hopper"), (" had it, and ", " too.")),
        ("Grace Hoppers of this world", ("grace ",), ("Hoppers of this world",)),
        ("GRACE, ada; (grace)", ("grace", "ada"), (", ", "; (")),
        ("disgrace and adagio", (), ("disgrace and adagio",)),
        ("mail grace@example.com", (), ("grace@example.com",)),
        ("Élodie Durand asked élodie durand", ("élodie", "durand"), (" asked ",)),
    ],
)
def test_names_within_a_text_are_replaced_and_nothing_else(
    archive: Any, text: str, hides: tuple[str, ...], keeps: tuple[str, ...]
) -> None:
    """By id and by display name, whole and in any case, whether or not the answer names that person."""
    office = archive.office
    for person, name in (("grace", "Grace Hopper"), ("edurand", "Élodie Durand")):
        office.home.people.enrol(office.caller("ada"), office.enrolment(person, "ada"), name)
    caller = msgspec.structs.replace(archive.ada, pseudonymous=True)
    shown = archive.home.reading.pseudonyms.row(caller, {"Justification_Reason": text})[
        "Justification_Reason"
    ]
    assert not [one for one in hides if one in shown.casefold()], shown
    assert not [one for one in keeps if one not in shown], shown


def test_a_view_without_pseudonyms_shows_nothing_to_whoever_may_see_no_names(archive: Any, desk: Any) -> None:
    """Whatever asks the reading room itself, as pages do, is refused, and that is on record."""
    archive.office.enrol("hal", "ada", roles=(ROLE,))
    one, hal = archive.found("")[0], archive.office.caller("hal")
    reading = archive.home.reading
    for read in (
        lambda: reading.show(hal, one),
        lambda: reading.search(hal, ""),
        lambda: reading.facets(hal, ""),
        lambda: reading.timeline(hal, ""),
        lambda: reading.export(hal, ""),
        lambda: reading.diff(hal, one),
    ):
        before = len(archive.accesses())
        with pytest.raises(Refused, match="pseudonyms only"):
            read()
        (access,) = archive.accesses()[before:]
        assert (access.actor.person, access.count) == ("hal", 0)
        assert access.refused is not None
    archive.office.enrol("grace", "ada", roles=(statements.OFFICER,))
    archive.home.people.revoke(archive.ada, archive.office.revocation("hal", "ada", "grace"))
    assert not reading.pseudonyms.only(hal)
