# SPDX-License-Identifier: Apache-2.0
"""Who acted: one person, how we know, and what carried the act."""

from __future__ import annotations

from typing import Literal

from byhand.records.base import Part

Assurance = Literal["verified", "mapped", "asserted", "shared", "unattributed"]


class Authentication(Part, kw_only=True):
    """How the person proved to be that person. ``credential`` is a key fingerprint, never a secret."""

    method: str
    """How: by a key at a login, by a token ..."""
    when: str
    """When they proved it."""
    credential: str
    """Fingerprint of the key, or a token's id."""
    acr: str | None = None
    """How strongly an issuer says that it signed them in, in its own words."""
    amr: tuple[str, ...] = ()
    """Methods as RFC 8176 names them."""
    mfa: bool = False
    """Whether several factors were used."""


class Via(Part, kw_only=True):
    """What carried the act for the person: a pipeline, a token, an agent, an impersonated account."""

    kind: Literal["pipeline", "token", "agent", "account", "integration"]
    """What kind of thing it is."""
    id: str
    """Its name."""
    person: str | None = None
    """Who answers for an agent: they cannot approve what it does, no more than its principal."""


class Actor(Part, kw_only=True):
    """The person behind an act. Personal details lie in the section ``person:<details>``, erasable alone."""

    person: str
    """Who acted, by the name that records keep."""
    details: str | None = None
    """Which ``person:`` section holds their details."""
    issuer: str = "local"
    """Whose name for the person it is."""
    assurance: Assurance = "verified"
    """How sure it is that it was this person."""
    authentication: Authentication | None = None
    """How they proved it."""
    roles: tuple[str, ...] = ()
    """Roles of their key at that time."""
    on_behalf_of: str | None = None
    """The person for whom they acted, if for another."""
    via: Via | None = None
    """What carried the act."""
    signed_by: Literal["actor", "server"] = "server"
    """``actor``: the person's own key signed the act; ``server``: vouched for by the server."""


class PersonDetails(Part, kw_only=True):
    """Personal data of one person named in a record; a section of its own, so that it can be erased alone."""

    display_name: str | None = None
    """Their name as people know it."""
    subject: str | None = None
    """What the issuer calls them."""
    address: str | None = None
    """The network address they came from."""
    session: str | None = None
    """The session they acted in."""
