# SPDX-License-Identifier: Apache-2.0
"""Which home a client uses: the nearest word counts, and a wrong word is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from byhand.client.settings_file import ClientSettings, client_settings
from byhand.errors import Invalid


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A machine-wide file that names all there is."""
    path = tmp_path / "client.toml"
    path.write_text('home = "~/machine"\nperson = "eve"\nkey = "/keys/eve"\n')
    return path


def test_the_nearest_word_counts(file: Path, tmp_path: Path) -> None:
    """Argument before environment before the machine's file before the default."""
    environ = {"HOME": "/h", "BYHAND_HOME": "/env", "BYHAND_PERSON": "bob", "BYHAND_KEY": "~/key"}
    given = client_settings(home="/arg", person="ada", key="k", environ=environ, file=file)
    assert given == ClientSettings(Path("/arg"), "--home", "ada", Path("k"))
    assert client_settings(environ=environ, file=file) == ClientSettings(
        Path("/env"), "BYHAND_HOME", "bob", Path("/h/key")
    )
    assert client_settings(environ={"HOME": "/h"}, file=file) == ClientSettings(
        Path("/h/machine"), str(file), "eve", Path("/keys/eve")
    )
    nothing = client_settings(environ={"HOME": "/h"}, file=tmp_path / "none.toml")
    assert nothing == ClientSettings(Path("/h/.byhand"), "default", None, None)


def test_an_empty_variable_says_nothing(file: Path) -> None:
    """BYHAND_HOME= is as good as unset."""
    assert client_settings(environ={"HOME": "/h", "BYHAND_HOME": ""}, file=file).home == Path("/h/machine")


def test_every_fault_of_the_file_is_named(file: Path) -> None:
    """Unknown keys and wrong types are errors, all at once, with the keys there are."""
    file.write_text('hom = "x"\nuri = "https://x"\nkey = 1\n[more]\n')
    with pytest.raises(Invalid) as refusal:
        client_settings(environ={}, file=file)
    assert [fault.pointer for fault in refusal.value.faults] == ["/hom", "/more", "/uri", "/key"]
    assert "home, key, person" in str(refusal.value)


@pytest.mark.parametrize("content", [b"home = ", b"\xff", b"# " + b"x" * 70_000])
def test_what_is_no_settings_file_is_refused(file: Path, content: bytes) -> None:
    """Broken TOML, bytes that are no text, and files beyond any sense are refused."""
    file.write_bytes(content)
    with pytest.raises(Invalid, match=r"client\.toml"):
        client_settings(environ={}, file=file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """An unreadable file is not taken for one that is not there."""
    with pytest.raises(Invalid, match="cannot be read"):
        client_settings(environ={}, file=tmp_path)


@pytest.mark.parametrize("said", ["refuse", "spool"])
def test_what_becomes_of_an_act_without_the_log_is_said_in_three_places(tmp_path: Path, said: str) -> None:
    """An argument goes before the environment, that before the file; by default it is refused."""
    file = tmp_path / "client.toml"
    assert client_settings(environ={}, file=file).when_unreachable == "refuse"
    file.write_text(f'when_unreachable = "{said}"\n')
    assert client_settings(environ={}, file=file).when_unreachable == said
    environ = {"BYHAND_WHEN_UNREACHABLE": "spool"}
    assert client_settings(environ=environ, file=file).when_unreachable == "spool"
    assert client_settings(when_unreachable=said, environ=environ, file=file).when_unreachable == said


def test_no_other_word_for_it_is_taken(tmp_path: Path) -> None:
    """A word that is misspelt must not mean the one or the other."""
    environ = {"BYHAND_WHEN_UNREACHABLE": "spol"}
    with pytest.raises(Invalid, match="neither refuse nor spool"):
        client_settings(environ=environ, file=tmp_path / "none")
