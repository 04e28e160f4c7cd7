# SPDX-License-Identifier: Apache-2.0
"""Text that others wrote, made harmless to look at: what cannot be seen, or moves what can, is escaped."""

from __future__ import annotations


def visible(text: str, *, keep: str = "") -> str:
    """``text`` with everything escaped that a terminal could take for a command or draw elsewhere."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one in keep or one.isprintable() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
