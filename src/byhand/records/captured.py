# SPDX-License-Identifier: Apache-2.0
"""Captured values: made from what a program or a system holds, compared exactly, shown to people.

The table of native Python types and the normal form are specified in docs/spec/record-format.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable

import orjson

from byhand.errors import Fault, Invalid
from byhand.records import json_text, native
from byhand.records.canonical import has_surrogate
from byhand.records.differences import Difference, differences_of_text, patch_of
from byhand.records.limits import CAPTURED_BYTES_MAX, PATCH_LENGTH_MAX
from byhand.records.normal import JSON, TEXT, is_json, normal_text
from byhand.records.values import CapturedValue, Masked

__all__ = [
    "JSON",
    "OBSERVED",
    "REDACTED",
    "TEXT",
    "Difference",
    "absent",
    "capture",
    "differences",
    "from_text",
    "normal_digest",
    "normal_form",
    "patch",
    "reference",
    "render",
    "same",
    "unknown",
]

OBSERVED = "$observed"
"""Stands for a new value that was not declared: it is what is read back."""
REDACTED = "$redacted"
"""Stands for a secret."""


# -- making


def capture(value: object, *, media_type: str = JSON) -> CapturedValue:
    """``value`` of a native Python type, by the specified table; raises Invalid for any other type.

    With ``media_type`` text/plain (or any other that is not JSON) ``value`` is the text itself.
    """
    if not is_json(media_type):
        if not isinstance(value, str):
            raise Invalid(
                "this value cannot be captured", (Fault("", f"is no text, as {media_type} must be"),)
            )
        return from_text(value, media_type)
    try:
        return from_text(native.write(value), media_type)
    except RecursionError as error:  # sets within sets within sets
        raise Invalid("this value cannot be captured", (Fault("", "is nested too deep"),)) from error


def from_text(text: str, media_type: str = JSON) -> CapturedValue:
    """The source text of a value, kept character for character; one that is too long becomes a reference.

    Raises Invalid when no UTF-8 can carry the text.
    """
    if not text.isascii() and has_surrogate(text):
        fault = Fault("", "holds a lone surrogate", "read it as bytes and pass those")
        raise Invalid("this value cannot be captured", (fault,))
    if not fits(text):
        data = text.encode("utf-8")
        return reference(hashlib.sha256(data).hexdigest(), len(data), media_type)
    return CapturedValue(form="inline", text=text, media_type=media_type)


def fits(text: str) -> bool:
    """Whether ``text`` fits a record: counted as it stands there, with its quotes escaped."""
    return len(text) <= CAPTURED_BYTES_MAX and len(orjson.dumps(text)) <= CAPTURED_BYTES_MAX


def absent() -> CapturedValue:
    """It did not exist."""
    return CapturedValue(form="absent")


def unknown(cause: str) -> CapturedValue:
    """It could not be read, and why."""
    return CapturedValue(form="unknown", cause=cause)


def reference(digest: str, size: int, media_type: str = JSON) -> CapturedValue:
    """Too large to hold: SHA-256 (hex) and size in bytes of its text in UTF-8."""
    return CapturedValue(form="reference", digest=digest, size=size, media_type=media_type)


# -- comparing


def same(one: CapturedValue, other: CapturedValue, ignore: Iterable[str] = ()) -> bool:
    """Whether two values are the same, but for how they are written and for the pointers in ``ignore``.

    What could not be read is the same as nothing, not even as itself.
    """
    if "unknown" in (one.form, other.form):
        return False
    ignore = tuple(ignore)
    return normal_form(one, ignore) == normal_form(other, ignore)


def normal_digest(value: CapturedValue, ignore: Iterable[str] = ()) -> str:
    """SHA-256 (hex) of the normal form."""
    return hashlib.sha256(normal_form(value, ignore)).hexdigest()


def normal_form(value: CapturedValue, ignore: Iterable[str] = ()) -> bytes:
    """Bytes equal for equal values: the form, the MACs of secrets, then the normal form of the text."""
    left_out = frozenset(ignore)
    masks = sorted(
        [mask.pointer, mask.key, mask.mac] for mask in value.masked if not _below(mask.pointer, left_out)
    )
    parts = [value.form, json.dumps(masks)]
    if value.form == "inline":
        parts.append(normal_text(value.text or "", value.media_type, left_out))
    elif value.form == "reference":
        parts.append(f"{value.digest} {value.size}")
    elif value.form == "unknown":
        parts.append(json.dumps(value.cause))
    return "\n".join(parts).encode("utf-8", "surrogatepass")


def _below(pointer: str, ignore: frozenset[str]) -> bool:
    return any(pointer == ignored or pointer.startswith(f"{ignored}/") for ignored in ignore)


# -- differences and patches


def differences(original: CapturedValue, new: CapturedValue) -> list[Difference]:
    """Where two values differ: as deep as objects go for inline JSON, else one difference at the root."""
    if same(original, new):
        return []
    if _patchable(original) and _patchable(new) and original.form == new.form == "inline":
        try:
            return differences_of_text(original.text or "", new.text or "")
        except ValueError:
            pass  # not the JSON it says it is: they differ as a whole
    return [Difference("", _source(original), _source(new))]


def _patchable(value: CapturedValue) -> bool:
    return value.form == "absent" or (
        value.form == "inline" and not value.masked and is_json(value.media_type)
    )


def _source(value: CapturedValue) -> str | None:
    return None if value.form == "absent" else render(value)


def patch(original: CapturedValue, new: CapturedValue) -> tuple[str, str] | None:
    """An RFC 6902 patch from ``original`` to ``new`` and its reverse, as JSON text with numbers as written.

    ``None`` where there is no exact one: a value unread, too large, not JSON, or with secrets taken out
    (their ``null`` must not be written back); and where it is too long to be of use beside the values.
    """
    if not (_patchable(original) and _patchable(new)):
        return None
    try:
        for value in (original, new):
            json_text.parse(value.text or "null")
    except ValueError:
        return None
    found = [
        Difference(one.pointer, original.text, new.text) if one.pointer == "" else one
        for one in differences(original, new)
    ]
    both = patch_of(found)
    return both if max(map(len, both)) <= PATCH_LENGTH_MAX else None


# -- showing


def render(value: CapturedValue | None) -> str:
    """The value for people and exports, in one line of text.

    Markers begin with ``$``; a text that does gets a second one. Inside JSON a secret is a bare
    ``$redacted``: in strings it stands within quotes, and in a text shown without quotes it gets one more ``$``.
    """
    if value is None:
        return OBSERVED
    if value.form != "inline":
        return f"$reference sha256:{value.digest}" if value.form == "reference" else f"${value.form}"
    text = value.text or ""
    try:
        root = json_text.parse(text) if is_json(value.media_type) else None
    except ValueError:
        root = None  # not the JSON it says it is: a text like any other
    if root is None or root.kind == "string":
        return _MARKER_LIKE.sub(r"$\g<0>", text if root is None else _unquoted(text))
    return _with_markers(text, root, value.masked)


_MARKER_LIKE = re.compile(r"\A\$|(?<!\$)\$(?=\$*redacted)")
"""Where a text without quotes gets one more ``$``, so that it is no marker and none stands in it."""


def _unquoted(text: str) -> str:
    """The characters of a JSON string, unless it holds some that no UTF-8 can carry."""
    characters = json_text.string(text)
    return text if has_surrogate(characters) else characters


def _with_markers(text: str, root: json_text.Node, masked: Iterable[Masked]) -> str:
    """The text of a JSON value with ``$redacted`` where its secrets stood; of equal keys each that is null now."""
    places = {(node.start, node.end) for mask in masked for node in json_text.find_all(root, mask.pointer)}
    for start, end in sorted(places, reverse=True):
        if text[start:end] == "null":
            text = text[:start] + REDACTED + text[end:]
    return text
