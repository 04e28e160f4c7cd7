# SPDX-License-Identifier: Apache-2.0
"""Turns a record of an older schema version into this one, on reading only: stored bytes never change.

A new version adds one function here, from its predecessor to itself; nothing else here knows versions.
"""

from __future__ import annotations

from collections.abc import Callable

from byhand.records.kinds import SCHEMA_VERSION

Raw = dict[str, object]
FIRST_VERSION = 0
STEPS: dict[int, Callable[[Raw], Raw]] = {}
"""``STEPS[n]`` turns version n into n + 1. Version 0 is the first."""


def upcast(version: int, raw: Raw) -> Raw:
    """``raw`` of ``version`` as the current version; raises ValueError when no step leads here."""
    for number in range(version, SCHEMA_VERSION):
        if number not in STEPS:
            raise ValueError(f"no way leads from schema version {number} to {number + 1}")
        raw = STEPS[number](raw)
    if version < FIRST_VERSION or raw.get("schema") != SCHEMA_VERSION:
        raise ValueError(f"schema version {version} is unknown")
    return raw
