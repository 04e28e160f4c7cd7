# SPDX-License-Identifier: Apache-2.0
"""The file probe: every format by pointer, absence told from failure, and no way to hang or leak."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from byhand.errors import Invalid, ProbeFailed
from byhand.probes import file, open_probe
from byhand.records import captured

Write = Callable[[str, str | bytes], Path]


def read(path: Path, rest: str = "") -> str | None:
    """The text found in ``path``."""
    found = open_probe(f"file:{path}{rest}").read()
    return f"${found.form}" if found.form != "inline" else found.text


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and return its path."""

    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.mark.parametrize(
    ("pointer", "text"),
    [
        ("", '{"a": {"b/c": [1.50,  {"~": 1e400}]}, "": null, "a b": "\\u00e9"}'),
        ("#/a/b~1c", '[1.50,  {"~": 1e400}]'),
        ("#/a/b~1c/0", "1.50"),
        ("#/a/b~1c/1/~0", "1e400"),
        ("#/", "null"),
        ("#/a b", '"\\u00e9"'),
        ("#/nothing", "$absent"),
        ("#/a/b~1c/2", "$absent"),
        ("#/a/b~1c/-", "$absent"),
        ("#/a/b~1c/00", "$absent"),
        ("#/a b/0", "$absent"),
    ],
)
def test_json_by_pointer(write: Write, pointer: str, text: str) -> None:
    """A JSON value comes back as its own source text; nothing at the pointer is absent."""
    path = write("a.json", '{"a": {"b/c": [1.50,  {"~": 1e400}]}, "": null, "a b": "\\u00e9"}\n')
    assert read(path, pointer) == text


YAML = """\
# limits of the desk
base: &base {currency: GBP, max: 1_000, ratio: 12.50}
desk:
  <<: *base
  ratio: 1e3
  state: HALTED
  on: yes
  off: False
  none: ~
  empty:
  code: 0123
  port: 22:22
  day: 2026-11-24
  quoted: "100"
  tagged: !!str 100
  text: |
    two
    lines
  list: [1, -0.0, 0x1F, .inf]
  other: *base
"""


@pytest.mark.parametrize(
    ("pointer", "text"),
    [
        ("#/desk/ratio", "1e3"),
        ("#/base/ratio", "12.50"),
        ("#/desk/max", '"1_000"'),
        ("#/desk/state", '"HALTED"'),
        ("#/desk/on", '"yes"'),
        ("#/desk/off", "false"),
        ("#/desk/none", "null"),
        ("#/desk/empty", "null"),
        ("#/desk/code", '"0123"'),
        ("#/desk/port", '"22:22"'),
        ("#/desk/day", '"2026-11-24"'),
        ("#/desk/quoted", '"100"'),
        ("#/desk/tagged", '"100"'),
        ("#/desk/text", '"two\\nlines\\n"'),
        ("#/desk/list", '[1, -0.0, "0x1F", ".inf"]'),
        ("#/desk/list/1", "-0.0"),
        ("#/desk/other", '{"currency": "GBP", "max": "1_000", "ratio": 12.50}'),
        ("#/desk/currency", '"GBP"'),
        ("#/desk/nothing", "$absent"),
        ("#/desk/state/deeper", "$absent"),
        ("#/desk/list/9", "$absent"),
    ],
)
def test_yaml_by_pointer(write: Write, pointer: str, text: str) -> None:
    """A YAML number stands as written; a word whose meaning depends on the YAML version stays that word."""
    assert read(write("a.yaml", YAML), pointer) == text


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a: [1", "not one YAML document"),
        ("a: 1\n---\na: 2\n", "not one YAML document"),
        ("a: 1\na: 2\n", "stands there twice"),
        ("? [x]\n: 1\n", "not a scalar"),
        ("a: &a [*a]\n", "nested deeper"),
        ("<<: 1\n", "no mapping"),
        ("a: &a\n  <<: *a\n", "lead into each other"),
        ("a: !!python/object/apply:os.system [x]\n" + "- \n", "not one YAML document"),
        ("[" * 200 + "]" * 200, "nested deeper"),
    ],
)
def test_bad_yaml_is_a_failure(write: Write, text: str, cause: str) -> None:
    """A YAML document that is broken, ambiguous or endless is a failure, never a guess."""
    with pytest.raises(ProbeFailed, match=cause):
        read(write("a.yml", text))


def test_unfolding_yaml_is_stopped(write: Write) -> None:
    """Aliases that multiply a small file into billions of values end in a failure, quickly."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ProbeFailed, match="unfolds"):
        read(write("a.yaml", "\n".join(lines)))


@pytest.mark.parametrize(
    ("pointer", "text"),
    [
        ("#/risk/max", "1.50"),
        ("#/risk/big", "18446744073709551616"),
        ("#/risk/under", "1050.0"),
        ("#/risk/limit", '{"$float": "inf"}'),
        ("#/risk/day", '"2026-11-24"'),
        ("#/risk/on", "true"),
        ("#/risk/list/1", '"b"'),
        ("#/risk/list/2", "$absent"),
        ("#/risk/list/01", "$absent"),
        ("#/nothing", "$absent"),
    ],
)
def test_toml_by_pointer(write: Write, pointer: str, text: str) -> None:
    """A TOML float stands as written where JSON can write it so; integers keep every digit."""
    document = (
        "[risk]\nmax = 1.50\nbig = 18446744073709551616\nunder = 1_050.0\nlimit = inf\n"
        'day = 2026-11-24\non = true\nlist = ["a", "b"]\n'
    )
    assert read(write("a.toml", document), pointer) == text


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        ("#/Risk/MaxNotional", "1000.50"),
        ("#/Risk/state", '"HALTED %d"'),
        ("#/Risk/flag", "null"),
        ("#/Risk/shared", '"yes"'),
        ("#/DEFAULT/shared", '"yes"'),
        ("#/Risk/maxnotional", "$absent"),
        ("#/Nothing", "$absent"),
        ("#/Other", '{"shared": "yes", "a": 1}'),
    ],
)
def test_ini_by_pointer(write: Write, rest: str, text: str) -> None:
    """INI values are found by section and key, case kept, nothing interpolated, defaults in every section."""
    document = (
        "[DEFAULT]\nshared = yes\n[Risk]\nMaxNotional = 1000.50\nstate = HALTED %d\nflag\n[Other]\na=1\n"
    )
    assert read(write("a.ini", document), rest) == text


def test_the_format_can_be_named(write: Write) -> None:
    """A suffix that says nothing needs ?format=, and that comes before the suffix."""
    assert read(write("app.conf", "[a]\nb=1\n"), "?format=ini#/a/b") == "1"
    assert read(write("a.json", "b: 1\n"), "?format=yaml#/b") == "1"
    found = open_probe(f"file:{write('state', 'HALTED' + chr(10))}?format=text").read()
    assert (found.text, found.media_type) == ("HALTED", captured.TEXT)


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.toml", "a.ini"])
def test_a_file_that_is_not_there_is_absent(tmp_path: Path, name: str) -> None:
    """No file, no value: that is absent, and not a failure."""
    assert read(tmp_path / name, "#/x") == "$absent"
    assert read(tmp_path / "no folder" / name) == "$absent"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"password": "hunter2",}'),
        ("a.json", ""),
        ("a.json", b"\xff"),
        ("a.json", b"\xef\xbb\xbf{}"),
        ("a.toml", 'password = "hunter2"\npassword = "hunter2"\n'),
        ("a.toml", "hunter2 = \n"),
        ("a.ini", "hunter2 without a section\n"),
        ("a.ini", "[a]\nhunter2=1\nhunter2=2\n"),
        ("a.yaml", "password: 'hunter2\n"),
    ],
)
def test_a_broken_document_is_a_failure(write: Write, name: str, content: str | bytes) -> None:
    """A document that is not well-formed is a failure wherever the pointer leads, and is not quoted."""
    with pytest.raises(ProbeFailed) as failure:
        read(write(name, content), "#/nothing/here")
    assert "hunter2" not in str(failure.value)


def test_what_is_not_a_plain_file_is_a_failure(tmp_path: Path) -> None:
    """A folder, a pipe without writer and a loop of links fail at once instead of hanging."""
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    for name in ("folder.json", "pipe.json", "loop.json", "folder.json/../pipe.json"):
        with pytest.raises(ProbeFailed):
            read(tmp_path / name)


def test_a_file_in_the_way_of_a_folder_is_a_failure(write: Write) -> None:
    """A path that leads through a file is wrong, not absent."""
    with pytest.raises(ProbeFailed, match="opened"):
        read(write("plain", "x") / "a.json")


def test_a_file_that_is_too_large_is_a_failure(tmp_path: Path) -> None:
    """A file beyond the limit is not read into memory."""
    path = tmp_path / "a.json"
    with path.open("wb") as sparse:
        sparse.truncate(file.FILE_BYTES_MAX + 1)
    with pytest.raises(ProbeFailed, match="more than"):
        read(path)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("relative.json", "relative path"),
        ("/etc/x.json#a", "no JSON pointer"),
        ("/etc/x.json#/a~2", "no JSON pointer"),
        ("/etc/x.conf", "format not read here"),
        ("/etc/x.json?format=xml", "format not read here"),
        ("/etc/x.json?form=ini", "cannot be read"),
        ("/etc/x.txt#/a", "points into plain text"),
        ("/etc/x\0.json", "cannot be read"),
        ("~nobody-of-that-name/x.json", "somebody unknown"),
    ],
)
def test_a_wrong_address_is_refused(address: str, complaint: str) -> None:
    """A wrong pointer, path or format is refused before anything is read."""
    with pytest.raises(Invalid, match=complaint):
        open_probe(f"file:{address}")


def test_every_fault_of_an_address_is_named_at_once() -> None:
    """Three faults, one refusal."""
    with pytest.raises(Invalid) as refusal:
        open_probe("file:x.conf#a")
    assert len(refusal.value.faults) == 3


def test_an_ini_file_that_its_parser_breaks_on_is_unreadable(tmp_path: Path) -> None:
    """A key without a value that goes on in the next line is a fault of the file, said like any other."""
    path = tmp_path / "limits.ini"
    path.write_text("[a]\nb\n  c\n")
    with pytest.raises(ProbeFailed, match="not INI"):
        open_probe(f"file:{path}").read()
