# SPDX-License-Identifier: Apache-2.0
"""Signing in: a challenge is good for one answer, a token for one working day and as long as its key."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

import pytest

from byhand import clock
from byhand.control.sessions import CHALLENGE_SECONDS, SESSION_SECONDS
from byhand.errors import ByhandError, Invalid, LoginRequired, LogUnavailable, Refused
from byhand.store.sqlite.state import FILE_NAME
from byhand.trust import statements


def answer(office: Any, challenge: str, person: str = "ada", key: str = "", **changed: Any) -> str:
    """The signed answer of ``person`` to ``challenge``."""
    fields = {
        "origin": office.home.origin,
        "person": person,
        "challenge": challenge,
        "expires": clock.after(clock.now(), seconds=CHALLENGE_SECONDS),
    }
    return str(office.pens.sign(statements.Login(**{**fields, **changed}), key or person))


def sign_in(office: Any, person: str = "ada", key: str = "") -> str:
    challenge, _ = office.home.sessions.challenge()
    token, _ = office.home.sessions.login(answer(office, challenge, person, key))
    return str(token)


def test_whoever_answers_the_challenge_is_signed_in(office: Any) -> None:
    """The token stands for person, key, roles and the end of the day."""
    sessions = office.home.sessions
    challenge, expires = sessions.challenge()
    token, identity = sessions.login(answer(office, challenge, expires=expires), challenge)
    assert (identity.person, identity.roles, identity.trial) == ("ada", ("officer",), True)
    assert identity.credential == office.pens("ada").fingerprint
    assert identity == sessions.identity(token)
    caller = sessions.caller(token)
    assert (caller.person, caller.credential, caller.roles) == ("ada", identity.credential, ("officer",))
    assert caller.display_name == "Ada"
    assert (caller.authentication.method, caller.authentication.amr) == ("ssh-key", ("swk",))


def test_tokens_are_kept_only_as_digests(office: Any) -> None:
    """Neither the database nor what the caller leaves in records holds the token; each login has its own."""
    token = sign_in(office)
    assert len(token) >= 43  # 256 bits in base64
    assert token != sign_in(office)
    written = b"".join(path.read_bytes() for path in office.path.glob(f"{FILE_NAME}*"))
    assert token.encode() not in written
    assert token not in repr(office.home.sessions.caller(token))


def test_the_state_is_for_its_owner_only(office: Any) -> None:
    """Nobody else reads who is signed in."""
    sign_in(office)
    for path in office.path.glob(f"{FILE_NAME}*"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_challenge_is_good_for_one_answer(office: Any) -> None:
    """A copied answer signs nobody in."""
    challenge, _ = office.home.sessions.challenge()
    envelope = answer(office, challenge)
    office.home.sessions.login(envelope)
    with pytest.raises(Refused, match="used up"):
        office.home.sessions.login(envelope)


def test_a_wrong_answer_uses_the_challenge_up(office: Any) -> None:
    """One guess per challenge."""
    challenge, _ = office.home.sessions.challenge()
    with pytest.raises(Refused):
        office.home.sessions.login(answer(office, challenge, key="mallory"))
    with pytest.raises(Refused, match="used up"):
        office.home.sessions.login(answer(office, challenge))


def test_an_answer_to_somebody_elses_challenge_is_refused(office: Any) -> None:
    """A challenge that was never given out here, or another than the one asked for."""
    with pytest.raises(Refused, match="never given out"):
        office.home.sessions.login(answer(office, "5a" * 32))
    mine, _ = office.home.sessions.challenge()
    other, _ = office.home.sessions.challenge()
    with pytest.raises(Refused, match="signed for another challenge"):
        office.home.sessions.login(answer(office, other), mine)


def test_a_challenge_expires(office: Any) -> None:
    """After two minutes it is as if it had never been given out, and is forgotten."""
    now = clock.now()
    challenge, expires = office.home.sessions.challenge(now=now)
    assert expires == clock.after(now, seconds=CHALLENGE_SECONDS)
    late = clock.after(now, seconds=CHALLENGE_SECONDS + 1)
    with pytest.raises(Refused, match="expired"):
        office.home.sessions.login(answer(office, challenge), now=late)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"origin": "desk.example/log/2"}, "was signed for desk.example/log/2"),
        ({"person": "grace"}, "speaks for grace but is signed by ada"),
        ({"expires": "2020-01-01T00:00:00.000000Z"}, "expired"),
    ],
)
def test_an_answer_must_fit(office: Any, changed: dict[str, str], complaint: str) -> None:
    """Made for this home, by the person it names, in time."""
    challenge, _ = office.home.sessions.challenge()
    person = changed.get("person", "ada")
    with pytest.raises(Refused, match=complaint):
        office.home.sessions.login(answer(office, challenge, key="ada", **{**changed, "person": person}))


@pytest.mark.parametrize("envelope", ["", "{}", "null", '{"payload": 1}', "\ud800", "[" * 2_000])
def test_what_is_no_statement_is_refused_as_such(office: Any, envelope: str) -> None:
    """Nothing that can be sent escapes the tree of errors."""
    with pytest.raises(ByhandError):
        office.home.sessions.login(envelope)


def test_another_kind_of_statement_signs_nobody_in(office: Any) -> None:
    """An enrolment is no answer to a challenge."""
    with pytest.raises(Invalid, match="not a login statement"):
        office.home.sessions.login(office.enrolment("grace", "ada"))


def test_a_session_ends_with_the_working_day(office: Any) -> None:
    """Eight hours after it began the token stands for nobody."""
    token = sign_in(office)
    expires = office.home.sessions.identity(token).expires
    assert clock.after(clock.now(), seconds=SESSION_SECONDS - 60) < expires
    assert office.home.sessions.caller(token, now=clock.after(expires, seconds=-1)).person == "ada"
    with pytest.raises(LoginRequired) as refusal:
        office.home.sessions.identity(token, now=expires)
    assert "byhand login" in refusal.value.advice
    with pytest.raises(LoginRequired):
        office.home.sessions.caller(token, now=expires)


def test_logging_out_ends_this_session_only(office: Any) -> None:
    """Another session of the same person goes on; logging out twice is no error."""
    first, second = sign_in(office), sign_in(office)
    office.home.sessions.logout(first)
    office.home.sessions.logout(first)
    with pytest.raises(LoginRequired):
        office.home.sessions.caller(first)
    assert office.home.sessions.caller(second).person == "ada"


@pytest.mark.parametrize("token", ["", "guess", "\ud800", "x" * 10_000])
def test_a_token_of_nobody_is_refused(office: Any, token: str) -> None:
    """Whatever is sent instead of a token, the answer is that nobody is signed in."""
    with pytest.raises(LoginRequired):
        office.home.sessions.caller(token)


def test_a_session_ends_when_its_key_is_revoked(office: Any) -> None:
    """At once, and only the sessions of that key."""
    office.enrol("cyd", "ada")
    office.enrol("cyd", "cyd", key="cyd-laptop")
    lost, kept = sign_in(office, "cyd", "cyd-laptop"), sign_in(office, "cyd")
    office.home.people.revoke(office.caller("cyd"), office.revocation("cyd", "cyd", key="cyd-laptop"))
    with pytest.raises(LoginRequired, match="revoked"):
        office.home.sessions.caller(lost)
    assert office.home.sessions.caller(kept).person == "cyd"


def test_a_session_lives_on_in_another_process(office: Any) -> None:
    """Sessions belong to the home, not to the process that began them."""
    token = sign_in(office)
    other = office.open()
    try:
        assert other.sessions.caller(token).person == "ada"
        other.sessions.logout(token)
    finally:
        other.close()
    with pytest.raises(LoginRequired):
        office.home.sessions.caller(token)


def test_what_has_expired_is_forgotten(office: Any) -> None:
    """The next challenge sweeps out old challenges and sessions."""
    sign_in(office)
    office.home.sessions.challenge()
    later = clock.after(clock.now(), seconds=SESSION_SECONDS + 1)
    office.home.sessions.challenge(now=later)
    connection = sqlite3.connect(office.path / FILE_NAME)
    try:
        sessions = connection.execute("SELECT count(*) FROM session").fetchone()
        challenges = connection.execute("SELECT count(*) FROM challenge").fetchone()
    finally:
        connection.close()
    assert (sessions, challenges) == ((0,), (1,))


def test_a_forked_process_opens_the_home_anew(office: Any) -> None:
    """A connection to the sessions is never shared with a child."""
    token = sign_in(office)
    sessions = office.home.sessions
    state = sessions._state
    state._process = os.getpid() + 1  # what a child sees after a fork
    with pytest.raises(LogUnavailable, match="forked"):
        sessions.caller(token)
    state._process = os.getpid()


def test_an_unwritable_home_says_so(office: Any) -> None:
    """A closed database is the log being unavailable, not a bare error of SQLite."""
    office.home.sessions.close()
    with pytest.raises(LogUnavailable, match="sessions cannot be kept"):
        office.home.sessions.challenge()
