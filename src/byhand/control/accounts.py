# SPDX-License-Identifier: Apache-2.0
"""Who stands behind an account of an issuer: a person that an officer linked to it, or a workload registered for it."""

from __future__ import annotations

from byhand.control.administration import Administrated, AdministrationFold
from byhand.control.issuers import RENEWED_SECONDS, VERIFIED_SECONDS, Issuers
from byhand.control.oidc import Verified, looks_like_token
from byhand.errors import LoginRequired, Refused, SharedAccount
from byhand.records.credentials import Workload
from byhand.records.shared_accounts import check_not_shared

__all__ = ["Accounts", "looks_like_token"]


class Accounts:
    """The accounts of issuers, as one home knows them. Thread-safe."""

    def __init__(self, administration: AdministrationFold, issuers: Issuers) -> None:
        self._administration = administration
        self._issuers = issuers

    def person(self, found: Verified) -> str:
        """The person linked to a verified account, enrolled now; raises Refused, SharedAccount."""
        person = self.behind(found.name)
        check_not_shared(person)
        return person

    def behind(self, account: str) -> str:
        """The person linked to ``issuer:account``, enrolled now; raises Refused."""
        person = self.linked(account)
        if person is None:
            raise Refused(
                f"no person stands behind the account {account}",
                advice=f"An officer links it: byhand person link PERSON {account}",
            )
        return person

    def linked(self, account: str) -> str | None:
        """The person linked to ``issuer:account``, if that person is enrolled now."""
        person = self._administration.current().links.get(account)
        return person if person in self._administration.enrolled() else None

    def holds(self, account: str, person: str, since: str) -> bool:
        """Whether the account is that person's and was at every moment ``since``, at an issuer that is still asked."""
        linked_at = self._administration.current().linked_at.get(account, "")
        known = account.partition(":")[0] in self._issuers.table
        return known and since > linked_at and self.linked(account) == person

    def bearer(self, token: str) -> tuple[Workload, Verified]:
        """The workload that a token of an issuer stands for; raises LoginRequired, Refused, IssuerUnavailable."""
        found = self._verified(token, VERIFIED_SECONDS)
        return self._workload(found, self._administration.current()), found

    def remembers(self, token: str) -> bool:
        """Whether the token was verified so lately that nobody need be asked for a while."""
        return self._issuers.remembers(token, within=RENEWED_SECONDS)

    def renew(self, token: str) -> None:
        """Verify the token, where it was not just before; may be slow. Raises as ``bearer``."""
        self._workload(self._verified(token, RENEWED_SECONDS), self._administration.current())

    def _verified(self, token: str, within: float) -> Verified:
        try:
            return self._issuers.bearer(token, within=within)
        except SharedAccount:
            raise
        except Refused as error:
            raise LoginRequired(str(error), advice=error.advice) from error

    @staticmethod
    def _workload(found: Verified, now: Administrated) -> Workload:
        subject = f"{found.issuer}:{found.workload}"
        for workload in now.workloads.values():
            if workload.subject == subject:
                return workload
        raise Refused(
            f"no workload is registered for {subject}",
            advice=f"Officers register it: byhand workload set NAME --subject {subject}",
        )
