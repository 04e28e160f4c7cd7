# SPDX-License-Identifier: Apache-2.0
"""The common shape of every part of a record: frozen, strict, nothing unknown, nothing superfluous."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a record. Unknown fields are faults; fields at their default are left out of the bytes."""
