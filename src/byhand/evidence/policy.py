# SPDX-License-Identifier: Apache-2.0
"""What the verifier itself knows of a log: its identity never comes from the log (invariant I10)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field

from byhand.errors import Fault, Invalid, Unsound
from byhand.log.keys import VerifierKey


@dataclass(frozen=True, slots=True)
class Policy:
    """A log's identity as the verifier holds it.

    ``keys``: verifier keys (``name+hash+key``); ``officers``: fingerprint of the genesis statement;
    ``remembered``: signed checkpoints seen earlier, with where each comes from; ``witnesses``: keys of
    witnesses and how many of them must have cosigned.
    """

    origin: str
    keys: tuple[VerifierKey, ...]
    officers: str | None = None
    remembered: tuple[tuple[str, bytes], ...] = ()
    witnesses: tuple[VerifierKey, ...] = ()
    witnesses_min: int = 0
    source: str = "policy"


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy file as TOML: ``[[log]]`` tables with ``origin``, ``keys``, ``officers``, ``witnesses``, ``quorum``."""

    logs: dict[str, Policy] = field(default_factory=dict)


LOG_FIELDS = frozenset({"origin", "keys", "officers", "witnesses", "quorum"})


def parse_policy(text: str, *, name: str) -> PolicyFile:
    """The policy in ``text``; raises Invalid naming every fault."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{name} is not TOML: {error}") from error
    faults = [Fault(f"/{key}", "there is no such table", "only [[log]]") for key in document if key != "log"]
    logs: dict[str, Policy] = {}
    for number, table in enumerate(document.get("log", [])):
        try:
            policy = _log(table)
        except (ValueError, TypeError, Unsound, Invalid) as error:
            faults.append(Fault(f"/log/{number}", str(error)))
            continue
        logs[policy.origin] = policy
    if not logs and not faults:
        faults.append(Fault("/log", "names no log"))
    if faults:
        raise Invalid(f"the policy {name} is not valid", tuple(faults))
    return PolicyFile(logs)


def _log(table: dict[str, object]) -> Policy:
    unknown = sorted(set(table) - LOG_FIELDS)
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(unknown)}")
    origin, keys = table.get("origin"), table.get("keys")
    if not isinstance(origin, str) or not isinstance(keys, list) or not keys:
        raise ValueError("needs origin (text) and keys (a list of verifier keys)")
    officers = table.get("officers")
    witnesses = table.get("witnesses", [])
    quorum = table.get("quorum", 0)
    if officers is not None and not isinstance(officers, str):
        raise ValueError("officers is a fingerprint (text)")
    if not isinstance(witnesses, list) or not isinstance(quorum, int) or not 0 <= quorum <= len(witnesses):
        raise ValueError("witnesses is a list of verifier keys, quorum how many of them must have signed")
    return Policy(
        origin=origin,
        keys=tuple(VerifierKey.parse(str(key)) for key in keys),
        officers=officers,
        witnesses=tuple(VerifierKey.parse(str(key)) for key in witnesses),
        witnesses_min=quorum,
    )
