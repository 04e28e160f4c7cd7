# SPDX-License-Identifier: Apache-2.0
"""Who is asking: one person behind one credential. Shared, service and root accounts are nobody."""

from __future__ import annotations

from typing import Literal

from byhand.errors import Fault, Invalid
from byhand.records import rules
from byhand.records.actor import Actor, Authentication, PersonDetails, Via
from byhand.records.base import Part
from byhand.records.shared_accounts import check_not_shared

SignedBy = Literal["actor", "server"]


class Caller(Part, kw_only=True):
    """The person behind a request, and how we know."""

    person: str
    credential: str
    """Fingerprint of the key or name of the token; never a secret."""
    authentication: Authentication
    roles: tuple[str, ...] = ()
    session: str | None = None
    address: str | None = None
    display_name: str | None = None
    via: Via | None = None
    """What carried the request, as far as the server itself knows."""

    pseudonymous: bool = False
    """Whether this request sees persons under their pseudonyms."""

    def actor(
        self, *, signed_by: SignedBy = "server", via: Via | None = None, details: str | None = None
    ) -> Actor:
        """This person as the actor of a record; ``details`` names the section with personal data."""
        return Actor(
            person=self.person,
            details=details,
            authentication=self.authentication,
            roles=self.roles,
            via=self.via or via,
            signed_by=signed_by,
        )

    def details(self) -> PersonDetails:
        """The person's own section: erasable apart from the record."""
        return PersonDetails(display_name=self.display_name, address=self.address, session=self.session)


def check_person(person: str) -> None:
    """Raise Invalid or SharedAccount unless ``person`` can name one person."""
    faults: list[Fault] = []
    rules.person_fault(person, "/person", faults)
    if faults:
        raise Invalid("this person cannot be enrolled", tuple(faults))
    check_not_shared(person)
