# SPDX-License-Identifier: Apache-2.0
"""Names of accounts that several people or none stand behind: nobody can answer for what they do.

Pure, so that the gate, the client and the command line refuse the same names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from byhand.errors import SharedAccount
from byhand.records import rules

# Not here: names of products that are first names too (travis, cassandra), and surnames behind a dot.
_LISTED = """
root toor admin administrator adm wheel sa dba sysadmin sysop superuser system localsystem networkservice
localservice nobody noone guest test tester testing user operator service daemon anonymous unknown default
postgres mysql mariadb oracle mssql redis mongodb elasticsearch rabbitmq
jenkins gitlab github gitlab-runner github-actions buildkite buildbot teamcity bamboo circleci travis-ci
drone-ci airflow ansible terraform argocd fluxcd spinnaker dependabot renovate
kubernetes kubernetes-admin cluster-admin kubelet docker deploy deployer deployment ci cd ci-cd cicd build
builder automation robot bot pipeline runner
ubuntu debian centos fedora ec2-user azureuser cloud-user vagrant pi www-data nginx apache httpd
backup git svn cron sshd ftp mail nagios prometheus zabbix ops devops sre
shared team oncall on-call support helpdesk info
"""
NAMES = frozenset(_LISTED.split())
PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"system:.*",  # Kubernetes' own accounts and service accounts
        r"serviceaccount:.*",
        r"arn:aws[a-z-]*:.*:root",
        r".*@[a-z0-9.-]*gserviceaccount\.com",
        r".*\$",  # computer and managed service accounts of Windows domains
        r".*\[bot\]",  # apps on GitHub
        r".*[-_]bot",
        r"bot[-_.].*",
        r"(svc|service|srv)[-_.].*",
        r"(sa|app)[-_].*",
        r".*[-_](svc|service|serviceaccount)",
        r"(team|group|shared)[-_.].*",
        r".*[-_](team|group|shared|admin|root)",
    )
)
LOOKALIKE_LENGTH_MIN = 4  # shorter names look like too many honest initials: "pl" is not "pi"
_SKELETONS = frozenset(rules.skeleton(name) for name in NAMES if len(name) >= LOOKALIKE_LENGTH_MIN)
BORROWED = ("SUDO_USER", "SUDO_UID", "DOAS_USER", "PKEXEC_UID")
"""Environment variables that say: this process runs with another account's rights."""


def check_not_shared(name: str) -> None:
    """Raise SharedAccount when ``name`` is that of a shared, service or root account, or looks like one."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    plain = "".join(character for character in folded if not rules.hidden(character)).strip()
    account = plain.rpartition("\\")[2]  # a Windows domain says nothing about the account
    local = account.partition("@")[0].partition("+")[0]
    if any(_is_shared(one) for one in (plain, account, local, local.rstrip("0123456789").rstrip("-_."))):
        raise SharedAccount(
            f"{name!r} is a shared, service or root account: nobody can answer for what it does",
            advice="Name the person who acts, e.g. --person ada.lovelace, with that person's own key.",
        )


def _is_shared(name: str) -> bool:
    if name in NAMES or rules.skeleton(name) in _SKELETONS:
        return True
    return any(pattern.fullmatch(name) for pattern in PATTERNS)


def os_account_is_shared(name: str, user_id: int | None, environment: Mapping[str, str]) -> bool:
    """Whether the operating system's account is shared: root, reached through sudo, or a name on the list.

    ``user_id`` is ``None`` where the system has none (Windows). Such an account stores no session: each act
    is signed with the person's own key.
    """
    if user_id == 0 or any(variable in environment for variable in BORROWED):
        return True
    try:
        check_not_shared(name)
    except SharedAccount:
        return True
    return False
