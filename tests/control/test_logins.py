# SPDX-License-Identifier: Apache-2.0
"""Persons sign in at an issuer that says less, or more, than it should."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.append(str(TESTS))
from byhand import clock, wiring  # noqa: E402
from byhand.control.identity import Caller  # noqa: E402
from byhand.errors import LoginRequired, LoginTooWeak, Refused  # noqa: E402
from byhand.ids import new_record_id  # noqa: E402
from byhand.records.credentials import AccountLink  # noqa: E402
from byhand.records.kinds import SCHEMA_VERSION, Administration  # noqa: E402
from byhand.trust import administration as trust  # noqa: E402
from byhand.trust.freshness import check_fresh  # noqa: E402
from peers.oidc.mint import AUDIENCE, Mint, minting  # noqa: E402 - found through the line above

ACCOUNT = "corp:1815"


@pytest.fixture
def mint() -> Iterator[Mint]:
    """The company's issuer, which gives codes for other devices."""
    with minting() as one:
        one.documents = {
            "/.well-known/openid-configuration": {
                "issuer": one.url,
                "jwks_uri": f"{one.url}/keys",
                "device_authorization_endpoint": f"{one.url}/device",
                "token_endpoint": f"{one.url}/token",
            },
            "/device": {
                "device_code": "d",
                "user_code": "AB",
                "verification_uri": one.url,
                "expires_in": 300,
                "interval": 1,
            },
        }
        yield one


class Company:
    """An office whose people sign in at the mint; grace is linked to her account there."""

    def __init__(self, office: Any, mint: Mint) -> None:
        self.office, self.mint = office, mint
        (office.path / "byhand.toml").write_text(
            f'[issuers.corp]\nurl = "{mint.url}"\nkind = "person"\nclient_id = "{AUDIENCE}"\n'
            'account = "actor_id"\nnames = ["actor"]\n'
        )
        office.home.close()
        office.home = wiring.open_home(office.path, environment=office.environment)
        office.enrol("grace", "ada")
        self.change(trust.ACCOUNT_LINK)

    @property
    def home(self) -> wiring.Home:
        return self.office.home

    def change(self, action: str) -> None:
        """Link grace's account, or end the link."""
        link = AccountLink(issuer="corp", account="1815", person="grace")
        record = Administration(
            id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=ACCOUNT, link=link
        )
        self.home.credentials.submit(self.office.caller("ada"), self.office.signed(record, "ada"))

    def sign_in(self, **claims: Any) -> str:
        """The session of whoever the issuer says signed in."""
        asked = self.home.logins.begin_device("corp")
        token = self.mint.token(self.mint.claims(**claims))
        self.mint.documents["/token"] = {"id_token": token}
        return self.home.logins.finish_device(asked.handle)[0]

    def caller(self, session: str) -> Caller:
        return self.home.credentials.caller(session)


@pytest.fixture
def company(office: Any, mint: Mint) -> Company:
    """With an issuer of persons."""
    return Company(office, mint)


def test_a_login_is_as_old_as_its_issuer_says(company: Company) -> None:
    """Where the issuer does not say when the person signed in, the login is never fresh, however new the token is."""
    dated = company.caller(company.sign_in(auth_time=int(time.time()))).authentication
    undated = company.caller(company.sign_in()).authentication
    assert (dated.method, undated.method) == ("oidc", "oidc-undated")
    since = clock.after(clock.now(), seconds=-300)
    check_fresh(dated, since, 300)
    with pytest.raises(LoginTooWeak):
        check_fresh(undated, since, 300)


def test_nobody_signed_in_tomorrow(company: Company) -> None:
    """A login later than now would stay fresh as long as whoever has it likes."""
    with pytest.raises(Refused, match="auth_time"):
        company.sign_in(auth_time=int(time.time()) + 120)
    assert company.sign_in(auth_time=int(time.time()) + 10)


def test_a_link_made_anew_revives_no_session(company: Company) -> None:
    """An account that was nobody's in between, in whoever's hands, begins anew; linked twice it goes on."""
    session = company.sign_in()
    company.change(trust.ACCOUNT_LINK)
    assert company.caller(session).person == "grace"
    company.change(trust.ACCOUNT_UNLINK)
    company.change(trust.ACCOUNT_LINK)
    with pytest.raises(LoginRequired, match="any more"):
        company.caller(session)
    assert company.caller(company.sign_in()).person == "grace"
