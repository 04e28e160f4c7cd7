# SPDX-License-Identifier: Apache-2.0
"""Captured values come back character for character, compare exactly, and cannot pretend to be markers."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import types
import uuid
from collections import deque, namedtuple
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, strategies as st

from byhand.errors import Invalid
from byhand.records import captured, codec, json_text, normal
from byhand.records.captured import capture, from_text, normal_form, patch, render, same
from byhand.records.intervention import Declaration
from byhand.records.values import CapturedValue, Masked
from byhand.redaction import Redactor

NaN = math.nan


class Breaker(enum.Enum):
    ACTIVE = 1


class Level(enum.IntFlag):
    LOW = 1


@dataclasses.dataclass
class Limit:
    size: decimal.Decimal
    name: str


Named = namedtuple("Named", "first second")  # noqa: PYI024 - that kind is what is tested

TABLE: list[tuple[object, str]] = [
    (None, "null"),
    (True, "true"),
    ("ä\n\"'", '"ä\\n\\"\'"'),
    ("\ud800x", '"\\ud800x"'),
    (2**64, "18446744073709551616"),
    (1_700_000_000_123_456_789, "1700000000123456789"),
    (0.1, "0.1"),
    (1e22, "1e+22"),
    (5e-324, "5e-324"),
    (-0.0, "-0.0"),
    (NaN, '{"$float": "nan"}'),
    (-math.inf, '{"$float": "-inf"}'),
    (decimal.Decimal("1.10"), "1.10"),
    (decimal.Decimal("1E+5"), "1E+5"),
    (decimal.Decimal("NaN"), '{"$float": "nan"}'),
    (b"\x00\xff", '{"$bytes": "AP8="}'),
    (bytearray(b"a"), '{"$bytes": "YQ=="}'),
    (dt.date(2026, 11, 24), '"2026-11-24"'),
    (dt.datetime(2026, 11, 24, 13, 0, tzinfo=dt.UTC), '"2026-11-24T13:00:00+00:00"'),
    (dt.time(13, 0, 1), '"13:00:01"'),
    (dt.timedelta(seconds=90.5), '{"$duration": "90.500000"}'),
    (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    (PurePosixPath("/etc/x"), '"/etc/x"'),
    (Breaker.ACTIVE, '"ACTIVE"'),
    (Level(0), "0"),
    ({"b": 1, "a": [2, (3,)]}, '{"b": 1, "a": [2, [3]]}'),
    ({1: "x", Breaker.ACTIVE: 2}, '{"1": "x", "ACTIVE": 2}'),
    ({None: 1, 1.5: 2}, '{"$entries": [[null, 1], [1.5, 2]]}'),
    ({"$bytes": "x", "$$bytes": 1, "$ref": 2}, '{"$$bytes": "x", "$$$bytes": 1, "$ref": 2}'),
    ({3, 1}, '{"$set": [1, 3]}'),
    (deque([1]), "[1]"),
    (Limit(decimal.Decimal("1.0"), "n"), '{"size": 1.0, "name": "n"}'),
    (Named(1, 2), '{"first": 1, "second": 2}'),
    (types.MappingProxyType({"a": 1}), '{"a": 1}'),
    (Declaration.__struct_fields__[:1], '["record"]'),
]


@pytest.mark.parametrize(
    ("value", "text"), TABLE, ids=[repr(value)[:30].encode("ascii", "replace").decode() for value, _ in TABLE]
)
def test_native_types(value: object, text: str) -> None:
    """Each native type becomes what the specification's table says, and JSON text that others can read."""
    assert capture(value).text == text
    json.loads(text)


@pytest.mark.parametrize("value", [object(), len, 1j, {1: 2, "1": 3}, b"x".hex])
def test_other_types_are_refused(value: object) -> None:
    """A type outside the table, and keys that would become equal, are refused with advice."""
    with pytest.raises(Invalid, match="cannot be captured"):
        capture(value)


def test_integers_of_any_size() -> None:
    """An integer longer than Python is willing to write is kept digit for digit, or as a reference."""
    assert capture(10**5_000).text == "1" + "0" * 5_000
    assert capture(-(10**5_000)).text == "-1" + "0" * 5_000
    assert capture(10**40_000).size == 40_001


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_exact(value: float) -> None:
    """A float's text reads back as the very same float."""
    assert float(capture(value).text or "") == value


def test_deep_nesting() -> None:
    """A thousand levels are taken, a value that holds itself is refused, and nothing recurses."""
    nested: list[object] = []
    for _ in range(999):
        nested = [nested]
    value = capture(nested)
    assert value.text == "[" * 1000 + "]" * 1000
    assert same(value, from_text(" [" * 1000 + "]" * 1000))
    with pytest.raises(Invalid, match="deeper than 1000"):
        capture([nested])
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(Invalid, match="holds itself"):
        capture(circle)
    deeper = from_text("[" * 12_000 + "]" * 12_000)
    assert same(deeper, deeper)
    assert render(deeper) == deeper.text


def test_width_is_bounded() -> None:
    """A small value that unfolds into an enormous one is refused, not written out."""
    value: object = "x" * 1000
    for _ in range(20):
        value = [value, value]
    with pytest.raises(Invalid, match="is longer than"):
        capture(value)


OWN_FIXTURES = [
    '{"größe":1,"尺寸":{"é":[1.0,1.00]},"":null}',
    '{"nested":' + "[" * 900 + "]" * 900 + "}",
    "0.1000000000000000055511151231257827021181583404541015625",
    "123456789012345678901234567890123456789.000",
    '{"t":1700000000123456789,"x":1E400,"y":-0}',
    '{"a":1,"a":2}',
    " [ 1 ,\t2 ]\n",
    '"\\ud83d\\ude00 \\ud800"',
    '{"unclosed": ',
    "{" + ",".join(f'"key{number}":{number}.50' for number in range(80)) + "}",
    "\u2028\u0000\x7f",
]


@pytest.mark.parametrize("text", OWN_FIXTURES, ids=range(len(OWN_FIXTURES)))
def test_texts_come_back(text: str, declared: Declaration, one_of_each: dict[str, codec.AnyRecord]) -> None:
    """A source text passes through record, bytes and back character for character."""
    outcome = one_of_each["outcome"]
    record = type(outcome)(
        id=outcome.id, schema=0, intervention=outcome.intervention, result="unknown", found=from_text(text)
    )  # type: ignore[call-arg]
    codec.validate(record)
    again = codec.decode(codec.encode(record))
    assert again == record
    assert again.found.text == text  # type: ignore[union-attr]
    assert same(again.found, from_text(text))  # type: ignore[arg-type, union-attr]


def test_samples_come_back(samples: Path) -> None:
    """What systems sent comes back character for character, and equals itself however it is laid out."""
    seen = 0
    for path in sorted(samples.rglob("*.json")):
        text = path.read_text("utf-8")
        value = from_text(text)
        if value.form == "reference":
            assert value.size == len(text.encode())
            continue
        seen += 1
        assert value.text == text
        parsed = json.loads(text, parse_float=decimal.Decimal)
        assert same(value, capture(parsed)), path
        assert not same(value, capture([parsed]))
    assert seen


def test_too_long_becomes_a_reference() -> None:
    """What does not fit a record is kept as digest and size; escapes count as they stand in the record."""
    assert from_text("x" * 24_574, captured.TEXT).form == "inline"
    assert from_text("x" * 24_575, captured.TEXT).form == "reference"
    assert from_text('"' * 13_000, captured.TEXT).form == "reference"


def test_surrogates_are_refused() -> None:
    """Text that no UTF-8 can carry is refused with advice."""
    with pytest.raises(Invalid, match="lone surrogate"):
        from_text("\udcff")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("1", "1.0", True),
        ("1", "10e-1", True),
        ("100", "1E+2", True),
        ("0", "-0.000e5", True),
        ("0.1", "0.1000000000000000055", False),
        ("18446744073709551616", "18446744073709551617", False),
        ("1e400", "1e401", False),
        ("1e00000000000000000000000000005", "100000", True),
        ("1e99999999999999999999", "1e99999999999999999998", False),
        ('{"a":1,"b":2}', '{ "b" : 2.0 , "a" : 1 }', True),
        ("[1,2]", "[2,1]", False),
        ('"\\u00e9"', '"é"', True),
        ('"é"', '"e\u0301"', False),
        ("1", '"1"', False),
        ("null", '"null"', False),
        ("true", "false", False),
        ("{}", "[]", False),
        ("[[1],2]", "[[1,2]]", False),
        ('{"a":1,"a":2}', '{"a":2,"a":1}', False),
    ],
)
def test_comparison(one: str, other: str, *, equal: bool) -> None:
    """Values are the same when they mean the same exactly; numbers compare as decimals, texts exactly."""
    assert same(from_text(one), from_text(other)) is equal
    assert (captured.normal_digest(from_text(one)) == captured.normal_digest(from_text(other))) is equal


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_as_decimals(one: decimal.Decimal, other: decimal.Decimal) -> None:
    """Two numbers have one normal form exactly when they are the same decimal."""
    assert (normal.normal_number(str(one)) == normal.normal_number(str(other))) == (one == other)


def test_ignored_pointers() -> None:
    """What a probe declares as ignored takes no part in the comparison."""
    one = from_text('{"status":{"seen":1,"x":2},"l":[1,2]}')
    other = from_text('{"status":{"seen":9,"x":2},"l":[1,3]}')
    assert same(one, other, ["/status/seen", "/l/1"])
    assert not same(one, other, ["/status/seen"])


def test_forms_are_never_confused() -> None:
    """Null, absent, unknown, a reference and a secret are five different things."""
    mask = Masked(pointer="", mac="0" * 64, key="k")
    values = [
        capture(None),
        captured.absent(),
        captured.unknown("timeout"),
        captured.reference("0" * 64, 4),
        CapturedValue(form="redacted", masked=(mask,)),
        CapturedValue(form="inline", text="null", masked=(mask,)),
    ]
    assert len({normal_form(value) for value in values}) == len(values)
    assert not same(captured.unknown("x"), captured.unknown("x"))
    assert [render(value) for value in values[:5]] == [
        "null",
        "$absent",
        "$unknown",
        f"$reference sha256:{'0' * 64}",
        "$redacted",
    ]


def test_secrets_compare_by_mac() -> None:
    """Two values with secrets taken out are the same when their MACs are, and not when a key differs."""

    def secret(mac: str, key: str) -> CapturedValue:
        return CapturedValue(
            form="inline", text='{"p": null}', masked=(Masked(pointer="/p", mac=mac * 64, key=key),)
        )

    assert same(secret("a", "k"), secret("a", "k"))
    assert not same(secret("a", "k"), secret("b", "k"))
    assert not same(secret("a", "k"), secret("a", "j"))
    assert same(secret("a", "k"), secret("b", "k"), ["/p"])


def test_plain_text_is_a_string() -> None:
    """A file that holds ACTIVE and a declared "ACTIVE" are the same value."""
    assert same(from_text("ACTIVE", captured.TEXT), capture("ACTIVE"))
    assert not same(from_text("1", captured.TEXT), capture(1))


@pytest.mark.parametrize("marker", ["$redacted", "$unknown", "$absent", "$observed", "$reference sha256:0"])
def test_markers_cannot_be_faked(marker: str) -> None:
    """A value that looks like a marker is shown with a second dollar sign."""
    assert render(capture(marker)) == f"${marker}"
    assert render(from_text(marker, captured.TEXT)) == f"${marker}"
    assert render(None) == "$observed"


def test_secrets_are_shown_in_place() -> None:
    """Inside JSON a secret shows as a bare marker, which no string can look like."""
    text = '{"p": null, "q": "$redacted", "l": [null]}'
    masked = tuple(Masked(pointer=pointer, mac="0" * 64, key="k") for pointer in ("/p", "/l/0"))
    assert render(CapturedValue(form="inline", text=text, masked=masked)) == (
        '{"p": $redacted, "q": "$redacted", "l": [$redacted]}'
    )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def _apply(text: str, operations: str) -> object:
    """A patch applied by the letter of RFC 6902, as far as we write it."""
    document: object = json.loads(text)
    for operation in json.loads(operations):
        *path, last = json_text.tokens(operation["path"]) or [None]
        if last is None:
            document = operation["value"]
            continue
        place = document
        for token in path:
            place = place[token]  # type: ignore[index]
        if operation["op"] == "remove":
            del place[last]  # type: ignore[attr-defined]
        else:
            assert (last in place) is (operation["op"] == "replace")  # type: ignore[operator]
            place[last] = operation["value"]  # type: ignore[index]
    return document


@given(_JSON, _JSON)
def test_patches_do_and_undo(before: object, after: object) -> None:
    """A patch leads from the original to the new value, and its reverse leads back."""
    one, other = from_text(json.dumps(before)), from_text(json.dumps(after))
    both = patch(one, other)
    assert both is not None
    assert _apply(one.text or "", both[0]) == after
    assert _apply(other.text or "", both[1]) == before


def test_patches_keep_numbers() -> None:
    """Numbers stand in a patch as they were written."""
    both = patch(from_text('{"a":{"x":18446744073709551616}}'), from_text('{"a":{"x":0.10}}'))
    assert both == (
        '[{"op": "replace", "path": "/a/x", "value": 0.10}]',
        '[{"op": "replace", "path": "/a/x", "value": 18446744073709551616}]',
    )
    assert patch(captured.absent(), capture(3)) == (
        '[{"op": "add", "path": "", "value": 3}]',
        '[{"op": "remove", "path": ""}]',
    )


def test_no_patch_where_none_is_exact() -> None:
    """Unread, masked, textual and very different values have no patch."""
    masked = CapturedValue(form="inline", text="null", masked=(Masked(pointer="", mac="0" * 64, key="k"),))
    for value in (
        captured.unknown("x"),
        masked,
        from_text("x", captured.TEXT),
        from_text("{"),
        capture("x" * 9_000),
    ):
        assert patch(capture(1), value) is None


def test_text_is_captured_as_text() -> None:
    """With a media type that is not JSON the value is the text itself, and nothing else is taken for one."""
    value = capture("[db]\nhost = x\n", media_type=captured.TEXT)
    assert (value.text, value.media_type) == ("[db]\nhost = x\n", captured.TEXT)
    with pytest.raises(Invalid, match="is no text"):
        capture(1, media_type=captured.TEXT)
    nested: frozenset[object] = frozenset()
    for _ in range(2_000):
        nested = frozenset({nested})
    with pytest.raises(Invalid):
        capture(nested)


def test_what_only_claims_to_be_json() -> None:
    """A text that is no JSON although it says so differs as a whole, and is shown as it is."""
    broken = from_text('"unclosed')
    assert [one.pointer for one in captured.differences(broken, from_text("{"))] == [""]
    assert render(broken) == '"unclosed'
    assert (
        render(CapturedValue(form="inline", text="{", masked=(Masked(pointer="/a", mac="0" * 64, key="k"),)))
        == "{"
    )


def _redacted(text: str) -> CapturedValue:
    return Redactor((), b"k" * 32, "kid").value(captured.from_text(text))


def test_no_text_looks_like_a_value_whose_secret_was_taken_out() -> None:
    """A marker in a text shown without quotes gets one more ``$``, wherever it stands."""
    shown = captured.render(_redacted('{"password": "hunter22"}'))
    assert shown == '{"password": $redacted}'
    spoofed = (
        '{"password": $redacted}',
        '{"password": $$redacted}',
        "$redacted",
        "$$redacted",
        "a$redacted$redacted",
    )
    texts = [
        captured.render(one)
        for text in spoofed
        for one in (captured.capture(text), captured.from_text(text, captured.TEXT))
    ]
    assert shown not in texts
    assert captured.REDACTED not in texts
    assert len(set(texts)) == len(spoofed)
    assert captured.render(captured.from_text('{"password": $redacted}')) == '{"password": $$redacted}'


def test_every_secret_under_equal_keys_shows_as_one() -> None:
    """Two members of one name: both are marked where they stood, none shows as null."""
    twice = _redacted('{"password": "aaaa1111", "password": "bbbb2222"}')
    assert captured.render(twice) == '{"password": $redacted, "password": $redacted}'
    deeper = _redacted('{"a": {"password": "aaaa1111"}, "a": {"b": 1}}')
    assert captured.render(deeper) == '{"a": {"password": $redacted}, "a": {"b": 1}}'
