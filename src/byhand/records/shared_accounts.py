# SPDX-License-Identifier: Apache-2.0
"""Names of accounts that several people or none stand behind: nobody can answer for what they do.

Pure, so that the gate, the client and the command line refuse the same names. A name is looked at word by word:

    1  as a whole, by a pattern or on the list, also without its separators or digits, or looking like one
    2  its first word is on the list, unless the word is a given name too
    3  any of its words is one of the core: root, admin, a database's or robot's name; a surname behind a dot
       after a given name is let pass (elihu.root, jan.bot)
    4  a word is two of these in one: dbadmin, rootuser, renovatebot; talbot, hauser and degroot are not
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from byhand.errors import SharedAccount
from byhand.records import rules
from byhand.records.lookalikes import likeness

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
su sudo sys bin svc api gha tomcat break-glass desk generic common public batch scheduler agent
"""
NAMES = frozenset(_LISTED.split())
_IN_ANY_PLACE = """
root toor admin administrator sysadmin superuser sudo sysop postgres mysql mariadb mssql jenkins gitlab
bot robot runner svc serviceaccount desk agent
"""
_CORE = frozenset(_IN_ANY_PLACE.split())
_SURNAMES = frozenset(["root", "bot", "jenkins"])
_GIVEN_NAMES = frozenset(["sa", "su", "pi", "bin", "ci", "cd"])
_SET_BEFORE = "prod production staging dev qa uat local domain corp super db sql my app web net www"
_SETTINGS = frozenset(_SET_BEFORE.split())
"""What stands before such a name, and is no given name."""
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
_SEPARATORS = re.compile(r"([._+:@ -])")
_JOINED = frozenset(_SEPARATORS.sub("", name) for name in NAMES)
_PARTS = (NAMES | _SETTINGS) - _GIVEN_NAMES
_SKELETONS = frozenset(rules.skeleton(name) for name in NAMES if len(name) >= LOOKALIKE_LENGTH_MIN)
NAMES_REMEMBERED = 4_096  # more than one feed's persons; each costs some hundred bytes
BORROWED = ("SUDO_USER", "SUDO_UID", "DOAS_USER", "PKEXEC_UID")
"""Environment variables that say: this process runs with another account's rights."""


def check_not_shared(name: str) -> None:
    """Raise SharedAccount when ``name`` is that of a shared, service or root account, or looks like one."""
    if _looks_shared(name):
        raise SharedAccount(
            f"{name!r} is a shared, service or root account: nobody can answer for what it does",
            advice="Name the person who acts, e.g. --person ada.lovelace, with that person's own key.",
        )


@lru_cache(NAMES_REMEMBERED)
def _looks_shared(name: str) -> bool:
    """A feed names the same few hundred persons all day, and most of this is regular expressions."""
    plain = likeness(name)
    account = re.split(r"[\\/]", plain)[-1]  # a domain says nothing about the account
    local = account.partition("@")[0]
    own = local.partition("+")[0]
    whole = (plain, account, own, own.strip("0123456789").strip("-_."))
    return any(_is_shared(one) for one in whole) or _has_shared_word(local)


def _is_shared(name: str) -> bool:
    if name in NAMES or _SEPARATORS.sub("", name) in _JOINED or rules.skeleton(name) in _SKELETONS:
        return True
    return any(pattern.fullmatch(name) for pattern in PATTERNS)


def _has_shared_word(name: str) -> bool:
    """2 to 4 of the list above."""
    separators, words = [""], [""]
    for piece in _SEPARATORS.split(name.replace("_", "-")):
        if _SEPARATORS.fullmatch(piece):
            separators.append(piece)
            words.append("")
        else:
            words[-1] = piece.strip("0123456789")
    first = words[0]
    if _is_listed(first):  # 2
        return True
    for separator, word in zip(separators[1:], words[1:], strict=True):  # 3
        is_surname = word in _SURNAMES and separator == "." and first not in _SETTINGS
        if not is_surname and any(one in _CORE for one in (word, word.removesuffix("s"))):
            return True
    return any(_is_compound(word) for word in words)  # 4


def _is_listed(word: str) -> bool:
    singular = word.removesuffix("s")
    return (NAMES - _GIVEN_NAMES).intersection((word, singular)) != set() or rules.skeleton(
        word
    ) in _SKELETONS


def _is_compound(word: str) -> bool:
    singular = word.removesuffix("s")
    return any(
        word[:cut] in _PARTS and (word[cut:] in _PARTS or singular[cut:] in _PARTS)
        for cut in range(1, len(word))
    )


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
