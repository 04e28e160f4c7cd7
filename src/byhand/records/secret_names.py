# SPDX-License-Identifier: Apache-2.0
"""Which names of keys, options and variables stand for secrets."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_NAME_LENGTH_MAX = 256  # a longer key is content, not a name

WHOLE = frozenset(
    (
        "auth",
        "cookie",
        "cookies",
        "cvc",
        "cvv",
        "otp",
        "pass",
        "pin",
        "pwd",
        "session",
        "sid",
        "signature",
        "totp",
    )
)
"""Secret only when the whole name says so: within longer names they mean other things."""

ENDINGS = (
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "passwort",
    "kennwort",
    "passcode",
    "pincode",
    "pinnumber",
    "secret",
    "secrets",
    "token",
    "apikey",
    "apikeys",
    "accesskey",
    "accountkey",
    "authkey",
    "clientkey",
    "dbkey",
    "encryptionkey",
    "hmackey",
    "masterkey",
    "privatekey",
    "privkey",
    "secretkey",
    "servicekey",
    "sessionkey",
    "sharedkey",
    "signingkey",
    "sshkey",
    "storagekey",
    "authorization",
    "credential",
    "credentials",
    "connectionstring",
    "setcookie",
    "sessioncookie",
    "authcookie",
    "sessionid",
    "jwt",
    "bearer",
    "kubeconfig",
    "dbpass",
    "databasepass",
    "userpass",
    "adminpass",
    "rootpass",
    "keypass",
    "smtppass",
    "otpseed",
    "totpseed",
    "onetimecode",
    "securitycode",
    "cardnumber",
)
"""Secret at the end of a name: ``db_password``, ``PGPASSWORD``, ``x-api-key``, ``proxyAuthorization``."""

ANYWHERE = (
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "privatekey",
    "secretkey",
    "apikey",
    "clientsecret",
    "accesstoken",
)
"""Secret wherever they stand, unless the name ends in a word that says otherwise."""

HARMLESS_LAST = frozenset(
    (
        "age",
        "algorithm",
        "change",
        "changed",
        "count",
        "enabled",
        "exists",
        "expired",
        "expires",
        "expiry",
        "field",
        "file",
        "format",
        "hint",
        "id",
        "key",
        "keyref",
        "kind",
        "label",
        "len",
        "length",
        "limit",
        "manager",
        "max",
        "min",
        "mode",
        "name",
        "namespace",
        "owner",
        "path",
        "policy",
        "prefix",
        "provider",
        "ref",
        "reference",
        "required",
        "reset",
        "rotation",
        "rule",
        "size",
        "store",
        "strength",
        "suffix",
        "timeout",
        "ttl",
        "type",
        "uri",
        "url",
        "valid",
        "version",
    )
)
"""``secretName``, ``passwordPolicy``, ``token_ttl``: about a secret, not one."""

QUALIFYING_LAST = frozenset(("b64", "b", "json", "key", "new", "old", "value"))
"""``token_value``, ``secret_old``, ``password_key``: a secret still, like ``token2``."""

_QUIET = frozenset({"auth", "cookie", "cookies", "pass", "session", "sid", "signature"})


@lru_cache(maxsize=4_096)  # names repeat; more than a large configuration holds
def is_secret_name(name: str) -> bool:
    """Whether this name stands for a secret: ``db_password``, ``dbPassword``, ``DB-PASSWORD`` alike."""
    words = [word.lower() for word in _WORD.findall(name[:_NAME_LENGTH_MAX])]
    joined = "".join(words)
    while joined not in WHOLE and not joined.endswith(ENDINGS):
        if not words or not (words[-1].isdigit() or words[-1] in QUALIFYING_LAST):
            harmless = not words or words[-1] in HARMLESS_LAST
            return not harmless and any(part in joined for part in ANYWHERE)
        joined = joined.removesuffix(words.pop())
    return True


def is_loud(name: str) -> bool:
    """Whether the name means a secret in prose as well; ``session: open`` does not."""
    return name.lower() not in _QUIET
