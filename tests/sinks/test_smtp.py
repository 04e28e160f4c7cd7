# SPDX-License-Identifier: Apache-2.0
"""Mail through a real server: encrypted on the way, signed in where it is asked for, never in the clear elsewhere."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from receivers import certificate, mailbox, serving

from byhand.errors import Invalid, NotDelivered
from byhand.sinks import smtp
from byhand.sinks.contract import MailServer, Message, Place
from byhand.sinks.smtp import Smtp

MESSAGE = Message(
    id="01938a5e-7a00-7000-8000-000000000001-request",
    occasion="request",
    title="Decision needed: Zürich",
    text="Look.",
    facts=(("Risk", "high"),),
    link="https://byhand.example/x",
    time="2026-11-25T10:00:00.000000Z",
)
SERVER = MailServer("127.0.0.1", 25, "none", "byhand@desk.example")
TO = {"to": "grace@desk.example"}


def test_a_mail_says_what_it_is() -> None:
    """Sender, recipient, subject, date, id and a body of plain text."""
    with mailbox() as box:
        Smtp.at(Place("smtp:x", TO, replace(SERVER, port=box.port))).send(MESSAGE)
    ((sender, recipients, mail),) = box.mails
    assert (sender, recipients) == ("byhand@desk.example", ["grace@desk.example"])
    assert mail["Subject"] == MESSAGE.title
    assert mail["Message-ID"] == f"<{MESSAGE.id}@desk.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.isoformat() == "2026-11-25T10:00:00+00:00"
    assert "Look and decide: https://byhand.example/x" in mail.get_content()


def test_starttls_is_insisted_on(tmp_path: Path) -> None:
    """It arrives encrypted, with its password; a server without TLS gets nothing, a stranger's certificate neither."""
    chain, key = certificate(tmp_path)
    (tmp_path / "password").write_text("correct horse\n")
    account = {"account": "byhand", "password_file": str(tmp_path / "password")}
    server = replace(SERVER, security="starttls", **account)
    seen: list[tuple[bool, bytes]] = []

    def sign_in(_: Any, session: Any, __: Any, ___: str, data: Any) -> AuthResult:
        seen.append((session.ssl is not None, data.password))
        return AuthResult(success=data.password == b"correct horse", handled=False)

    options: dict[str, Any] = {"tls_context": serving(chain, key), "require_starttls": True}
    with mailbox(**options, authenticator=sign_in, auth_required=True) as box:
        reached = replace(server, port=box.port)
        Smtp.at(Place("smtp:x", TO, reached, str(chain))).send(MESSAGE)
        with pytest.raises(NotDelivered, match="certificate is not trusted"):
            Smtp.at(Place("smtp:x", TO, reached)).send(MESSAGE)
        (tmp_path / "password").write_text("wrong")
        with pytest.raises(NotDelivered, match="535") as failure:
            Smtp.at(Place("smtp:x", TO, reached, str(chain))).send(MESSAGE)
        assert "wrong" not in str(failure.value)
    assert len(box.mails) == 1
    assert set(seen) == {(True, b"correct horse"), (True, b"wrong")}
    with mailbox() as box:
        with pytest.raises(NotDelivered):
            Smtp.at(Place("smtp:x", TO, replace(server, port=box.port), str(chain))).send(MESSAGE)
        assert box.mails == []


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    """``tls`` speaks nothing in the clear, and checks whom it speaks to."""
    chain, key = certificate(tmp_path)
    with mailbox(ssl_context=serving(chain, key)) as box:
        server = replace(SERVER, security="tls", port=box.port)
        Smtp.at(Place("smtp:x", TO, server, str(chain))).send(MESSAGE)
        with pytest.raises(NotDelivered, match="certificate is not trusted"):
            Smtp.at(Place("smtp:x", TO, server)).send(MESSAGE)
        assert len(box.mails) == 1


def test_a_server_without_tls_gets_nothing_where_tls_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its greeting in the clear is no TLS: it ends as a failure, soon."""
    monkeypatch.setattr(smtp, "STEP_SECONDS_MAX", 0.5)
    chain, _ = certificate(tmp_path)
    with mailbox() as plain:
        server = replace(SERVER, security="tls", port=plain.port)
        began = time.monotonic()
        with pytest.raises(NotDelivered):
            Smtp.at(Place("smtp:x", TO, server, str(chain))).send(MESSAGE)
        assert time.monotonic() - began < 12
        assert plain.mails == []


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"to": "grace"}, {}),
        ({"to": "grace@desk.example\r\nRCPT TO:<eve@evil.example>"}, {}),
        ({"to": "grace@desk.example, eve@evil.example"}, {}),
        ({"to": "<grace@desk.example>"}, {}),
        (TO, {"host": ""}),
        (TO, {"host": "mail.example"}),
        (TO, {"security": "maybe"}),
        (TO, {"sender": "nobody"}),
        (TO, {"account": "byhand"}),
    ],
)
def test_what_would_be_wrong_or_in_the_clear_is_refused(
    fields: dict[str, str], changed: dict[str, str]
) -> None:
    """Before anything is sent, naming what is at fault."""
    with pytest.raises(Invalid) as refusal:
        Smtp.at(Place("smtp:x", fields, replace(SERVER, **changed)))  # type: ignore[arg-type]
    assert refusal.value.faults
