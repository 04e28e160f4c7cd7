# SPDX-License-Identifier: Apache-2.0
"""Who is asking: one person behind one credential. Shared, service and root accounts are nobody."""

from __future__ import annotations

import re
import unicodedata

from byhand.errors import Fault, Invalid, SharedAccount
from byhand.records import rules
from byhand.records.actor import Actor, Authentication, PersonDetails, Via
from byhand.records.base import Part

SHARED_NAMES = frozenset(
    """root admin administrator sa sysadmin superuser system nobody guest test user operator service daemon
    postgres mysql oracle mssql redis mongodb jenkins gitlab github buildbot airflow ansible terraform argocd
    kubernetes kubernetes-admin cluster-admin docker deploy deployer ci cd ci-cd build builder automation robot bot
    ubuntu debian centos ec2-user azureuser vagrant pi www-data nginx apache backup git shared team oncall on-call
    support helpdesk default anonymous unknown""".split()
)
SHARED_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"system:.*",
        r".*[-_.]bot",
        r"bot[-_.].*",
        r"(svc|service|srv)[-_.].*",
        r".*[-_.](svc|service|serviceaccount)",
        r".*\$",
        r".*\[bot\]",
        r"(team|group|shared)[-_.].*",
        r".*[-_.](team|group|shared|admin|root)",
    )
)
_SHARED_SKELETONS = frozenset(rules.skeleton(name) for name in SHARED_NAMES)


class Caller(Part, kw_only=True):
    """The person behind a request, and how we know."""

    person: str
    credential: str
    authentication: Authentication
    roles: tuple[str, ...] = ()
    session: str | None = None
    address: str | None = None
    display_name: str | None = None

    def actor(self, *, signed_by: str = "server", via: Via | None = None, details: str | None = None) -> Actor:
        """This person as the actor of a record; ``details`` names the section with personal data."""
        return Actor(
            person=self.person,
            details=details,
            authentication=self.authentication,
            roles=self.roles,
            via=via,
            signed_by=signed_by,  # type: ignore[arg-type]
        )

    def details(self) -> PersonDetails:
        """The person's own section: erasable apart from the record."""
        return PersonDetails(display_name=self.display_name, address=self.address, session=self.session)


def check_not_shared(name: str) -> None:
    """Raise SharedAccount when ``name`` is that of a shared, service or root account, or looks like one."""
    plain = unicodedata.normalize("NFKC", name).casefold().strip()
    local = plain.partition("@")[0].partition("+")[0]
    shared = local in SHARED_NAMES or rules.skeleton(local) in _SHARED_SKELETONS
    if shared or any(pattern.fullmatch(plain) or pattern.fullmatch(local) for pattern in SHARED_PATTERNS):
        raise SharedAccount(
            f"{name!r} is a shared, service or root account: nobody can answer for what it does",
            advice="Name the person who acts, e.g. --person ada.lovelace, with that person's own key.",
        )


def check_person(person: str) -> None:
    """Raise Invalid or SharedAccount unless ``person`` can name one person."""
    faults: list[Fault] = []
    rules.person_fault(person, "/person", faults)
    if faults:
        raise Invalid("this person cannot be enrolled", tuple(faults))
    check_not_shared(person)


def os_account_is_shared(name: str, user_id: int, sudo_user: str | None = None) -> bool:
    """Whether the operating system's account is shared: root, sudo, or a name on the list."""
    if user_id == 0 or sudo_user is not None:
        return True
    try:
        check_not_shared(name)
    except SharedAccount:
        return True
    return False
