# SPDX-License-Identifier: Apache-2.0
"""The common shape of every part of a record: frozen, strict, nothing unknown, nothing superfluous."""

from __future__ import annotations

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class PartMeta(msgspec.StructMeta):
    """Tells type checkers that every part is frozen; at run time ``Part`` hands it down itself."""


class Part(msgspec.Struct, metaclass=PartMeta, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a record. Unknown fields are faults; fields at their default are left out of the bytes."""
