# SPDX-License-Identifier: Apache-2.0
"""Who acted: one person, how we know, and what carried the act."""

from __future__ import annotations

from typing import Literal

from byhand.records.base import Part

Assurance = Literal["verified", "mapped", "asserted", "shared", "unattributed"]


class Authentication(Part, kw_only=True):
    """How the person proved to be that person. ``credential`` is a key fingerprint, never a secret."""

    method: str
    when: str
    credential: str
    amr: tuple[str, ...] = ()
    mfa: bool = False


class Via(Part, kw_only=True):
    """What carried the act for the person: a pipeline, a token, an agent, an impersonated account."""

    kind: Literal["pipeline", "token", "agent", "account", "integration"]
    id: str


class Actor(Part, kw_only=True):
    """The person behind an act. Personal details lie in the section ``person:<details>``, erasable alone."""

    person: str
    details: str | None = None
    issuer: str = "local"
    assurance: Assurance = "verified"
    authentication: Authentication | None = None
    roles: tuple[str, ...] = ()
    on_behalf_of: str | None = None
    via: Via | None = None
    signed_by: Literal["actor", "server"] = "server"
    """``actor``: the person's own key signed the act; ``server``: vouched for by the server."""


class PersonDetails(Part, kw_only=True):
    """Personal data of one person named in a record; a section of its own, so that it can be erased alone."""

    display_name: str | None = None
    subject: str | None = None
    address: str | None = None
    session: str | None = None
