# SPDX-License-Identifier: Apache-2.0
"""What a text looks like to a reader: two with one likeness are one word on paper, whatever their code points.

The part of UTS 39 that matters where people write Latin letters; a table of our own, no library.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

TEXTS_REMEMBERED = 256  # the codes in use, and the texts being judged

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point, and the empty Braille pattern: nobody sees them."""

_WORD = re.compile(r"[^\W_]+")
_TWINS = str.maketrans(
    # Cyrillic, then Greek, then a few of other scripts; capitals first, for their small forms look otherwise
    "АВЕЅІЈКМНОРСТУХԌԚԜаеѕіјорсухһԁԛԝвкмнтΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβεικνορτυχγıɑɡօոս‐‑‒–—―−",
    "ABESIJKMHOPCTYXGQWaesijopcyxhdqwbkmhtABEZHIKMNOPTYXabeikvoptuxyiagonu-------",
)


def likeness(text: str) -> str:
    """The letters a reader takes ``text`` for: without case, marks, what cannot be seen, and foreign twins."""
    if text.isascii():
        return text.casefold().strip()
    visible = INVISIBLE.sub("", unicodedata.normalize("NFKC", INVISIBLE.sub("", text)))
    parted = unicodedata.normalize("NFKD", visible.translate(_TWINS).casefold())
    bare = "".join(one for one in parted if unicodedata.category(one) not in ("Mn", "Me"))
    return unicodedata.normalize("NFC", bare.translate(_TWINS)).strip()


def words(text: str) -> list[str]:
    """The words of a text as a reader sees them: no case, marks or signs, foreign twins read as Latin letters."""
    return list(_words(text))


@lru_cache(TEXTS_REMEMBERED)
def _words(text: str) -> tuple[str, ...]:
    """Each text is looked at from several sides within one decision; codes and their summaries in every one."""
    return tuple(_WORD.findall(likeness(text)))


def plainly_written(text: str) -> bool:
    """Whether ``text`` is written as it is seen: nothing hidden, no space at its ends, no line break."""
    return text.isprintable() and text == text.strip() and INVISIBLE.search(text) is None
