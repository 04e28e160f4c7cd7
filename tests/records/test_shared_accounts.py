# SPDX-License-Identifier: Apache-2.0
"""Accounts that nobody answers for, in every disguise, and persons who only look like one."""

from __future__ import annotations

import pytest

from byhand.errors import SharedAccount
from byhand.records.shared_accounts import NAMES, check_not_shared, os_account_is_shared

SHARED = """
root admin administrator sa postgres jenkins nobody guest test ubuntu ci ec2-user deploy
system:serviceaccount:prod:deployer system:admin release-bot dependabot[bot]
svc-payments svc.payments service-desk payments-svc DOMAIN\\Administrator HOST$
root@example.com admin+night@example.com Root ＡＤＭＩＮ ad\u200bmin admin2 test-01
r00t adm1n p0stgres jenk1ns robot@project.iam.gserviceaccount.com arn:aws:iam::1234:root
trading-team team-trading oncall github-actions
su sudo sys bin root-prod root.prod prod.root 1root root-ada ada+root rootuser rootadmin superadmin admin-prod admin.eu
localadmin dbadmin sqladmin domainadmin postgres-prod jenkins-ci jenkins-agent ci-runner gitlab-ci mybot renovatebot
svc svc1 api apiuser wwwdata gha tomcat breakglass desk trading-desk generic common public batch scheduler agent
corp/root administrators BUILTIN\\Administrators r\u043e\u043et \u0430dmin r\u03bf\u03bft ada_root
"""
PERSONS = """
ada ada.lovelace ada@example.com ada+trading@example.com elihu.root jan.bot d pl
katherine.jenkins travis cassandra maria-sa bill.gates o-neil x1 grace_hopper
jane.root abbot talbot james.abbot marie.chabot hans.hauser hugo.degroot anna.groot su.li bin.wang pi.patel
CORP\\ada corp/grace jane.mall ada.mueller2 jose\u0301.testa anne.webster
"""


@pytest.mark.parametrize("name", SHARED.split())
def test_shared_names_are_refused(name: str) -> None:
    """Every shared, service or root account is refused, in disguise too, with advice."""
    with pytest.raises(SharedAccount) as refusal:
        check_not_shared(name)
    assert "--person" in refusal.value.advice


@pytest.mark.parametrize("name", PERSONS.split())
def test_persons_are_not_mistaken_for_shared_accounts(name: str) -> None:
    """Honest names pass, surnames and initials that resemble an account among them."""
    check_not_shared(name)


def test_a_group_of_a_domain_is_shared() -> None:
    """Spaces part words too."""
    with pytest.raises(SharedAccount):
        check_not_shared("Domain Admins")


def test_every_name_on_the_list_is_refused_by_the_check() -> None:
    """The list and the check agree."""
    for name in NAMES:
        with pytest.raises(SharedAccount):
            check_not_shared(name)


@pytest.mark.parametrize(
    ("name", "user_id", "environment", "shared"),
    [
        ("ada", 1000, {}, False),
        ("ada", None, {}, False),
        ("ada", 0, {}, True),
        ("root", 0, {}, True),
        ("jenkins", 1001, {}, True),
        ("ada", 1000, {"SUDO_USER": "grace"}, True),
        ("ada", 1000, {"SUDO_UID": "1002"}, True),
        ("ada", 1000, {"DOAS_USER": "grace"}, True),
    ],
)
def test_a_shared_account_of_the_operating_system_is_known(
    name: str, user_id: int | None, environment: dict[str, str], shared: bool
) -> None:
    """Root, sudo and names on the list are shared; a person's own account is not."""
    assert os_account_is_shared(name, user_id, environment) is shared
