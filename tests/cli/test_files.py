# SPDX-License-Identifier: Apache-2.0
"""Files that commands write: no home, nobody's file and no older product is lost to a typing mistake."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripts import Ended

from byhand.cli.files import EVIDENCE, EXPORT, PROOF, destination
from byhand.errors import Invalid, LogUnavailable

Run = Callable[..., Ended]


@pytest.fixture
def act(desk: Path, here: Run) -> str:
    """The id of an intervention in a new home."""
    (desk / "gateway.json").write_text('{"state": "HALTED"}')
    place = ["--target", "risk-gateway/breaker/MM-7", "--probe", f"file:{desk}/gateway.json#/state"]
    why = ["--reason", "FALSE_POSITIVE", "--notes", "Stale quote from XLON, seen on two feeds."]
    for words in (
        ["init", "--origin", "desk.test/files"],
        ["point", "add", "mm7", "--action", "trading.breaker.override", *place, "--owner", "ada.lovelace"],
        ["declare", "mm7", "--new", "ACTIVE", *why],
    ):
        done = here(*words)
        assert done.code == 0, done.err
    return str(json.loads(done.out)["intervention"])


def writers(act: str) -> list[tuple[str, ...]]:
    """Every command that writes one file, up to the file's name."""
    return [("log", "prove", act, "--file"), ("evidence", act, "--file"), ("export", "--file")]


@pytest.mark.parametrize("number", range(3))
def test_nothing_is_written_into_a_home(number: int, act: str, desk: Path, here: Run) -> None:
    """No file of a home is replaced and none is added, by its name, through a link, or with --force."""
    (desk / "link").symlink_to("home/log.db")
    (desk / "folder").symlink_to("home")
    (desk / "dangling").symlink_to("home/new")
    words = writers(act)[number]
    for file in ("home/log.db", "home/keys/new", "home/new", "link", "folder/new", "dangling"):
        done = here(*words, file, "--force")
        assert (done.code, done.out) == (2, ""), done
        assert f"{file} lies in the home {desk}/home" in done.err
    assert here("verify").code == 0
    assert not (desk / "home" / "new").exists()
    assert here("log", "export", "home/keys").code == 2


@pytest.mark.parametrize("number", range(3))
def test_only_its_own_kind_is_replaced(number: int, act: str, desk: Path, here: Run) -> None:
    """Another's file stays as it is unless --force is given; an earlier product, and an empty file, are replaced."""
    words = writers(act)[number]
    (desk / "mine").write_text("my only copy")
    done = here(*words, "mine")
    assert (done.code, done.out) == (2, "")
    assert "--force" in done.err
    assert (desk / "mine").read_text() == "my only copy"
    for flags in (("--force",), (), ()):
        done = here(*words, "mine", *flags)
        assert done.code == 0, done.err
        assert (desk / "mine").read_bytes()[:12] != b"my only copy"
    (desk / "empty").touch()
    assert here(*words, "empty").code == 0
    assert sorted(path.name for path in desk.glob(".*mine*")) == []


def test_one_kind_is_not_another(act: str, desk: Path, here: Run) -> None:
    """A bundle does not replace a proof, nor a proposal a bundle; an archive of somebody else is no bundle."""
    assert here("log", "prove", act, "--file", "a").code == 0
    assert here("evidence", act, "--file", "a").code == 2
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("thesis.txt", "all of it")
    (desk / "thesis.zip").write_bytes(buffer.getvalue())
    assert here("evidence", act, "--file", "thesis.zip").code == 2
    before = here("reason", "list").out
    words = ("reason", "set", "VENUE_OUTAGE", "--summary", "The venue is down", "--proposal")
    assert here(*words, "thesis.zip").code == 2
    assert here(*words, "home/log.db").code == 2
    assert here("reason", "list").out == before


def test_no_file_is_promised_that_is_never_written(desk: Path, here: Run) -> None:
    """A passkey's enrolment waits where the passkey was made: a proposal's file beside it is refused."""
    assert here("init", "--origin", "desk.test/files").code == 0
    words = ("person", "add", "emmy.noether", "--passkey", "ABCD-EFGH-IJKL-MNOP", "--proposal", "p.json")
    done = here(*words)
    assert (done.code, "Leave out --proposal" in done.err) == (2, True), done
    assert not (desk / "p.json").exists()


def test_an_export_is_known_in_each_of_its_forms(act: str, desk: Path, here: Run) -> None:
    """csv, lines and list replace each other."""
    for form in ("csv", "ndjson", "json", "csv"):
        done = here("export", "--format", form, "--file", "found")
        assert done.code == 0, done.err
    assert (desk / "found").read_text().startswith("Timestamp,")


def test_a_failure_on_the_way_leaves_the_old_file(isolated: Path) -> None:
    """What is made while it is written may fail: then the file is what it was, and nothing lies beside it."""
    file = isolated / "found.csv"
    file.write_bytes(b"Timestamp,old\n")
    file.chmod(0o640)

    def failing() -> Iterator[bytes]:
        yield b"Timestamp,new\n"
        raise LogUnavailable("the disk is gone")

    with pytest.raises(LogUnavailable):
        destination(file, EXPORT).write(failing())
    assert [(path.name, path.read_bytes()) for path in isolated.iterdir()] == [
        ("found.csv", b"Timestamp,old\n")
    ]
    assert destination(file, EXPORT).write([b"Timestamp,", b"new\n"]) == 14
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"Timestamp,new\n", 0o640)


def test_a_link_stays_a_link(isolated: Path) -> None:
    """A link to an earlier product leads to the new one afterwards; a circle of links leads nowhere."""
    (isolated / "real").write_bytes(b"c2sp.org/tlog-proof@v1\nold")
    (isolated / "link").symlink_to("real")
    destination(isolated / "link", PROOF).write([b"c2sp.org/tlog-proof@v1\nnew"])
    assert (isolated / "link").is_symlink()
    assert (isolated / "real").read_bytes().endswith(b"new")
    (isolated / "circle").symlink_to("circle")
    with pytest.raises(Invalid, match="circle"):
        destination(isolated / "circle", PROOF)


def test_what_is_no_file_has_nothing_to_lose(isolated: Path) -> None:
    """A device takes what is written; one that takes nothing, and a folder, are named."""
    assert destination(Path(os.devnull), EVIDENCE).write([b"abc"]) == 3
    with pytest.raises(Invalid, match="is a folder"):
        destination(isolated, EVIDENCE)
    if Path("/dev/full").exists():
        with pytest.raises(Invalid, match="/dev/full cannot be written"):
            destination(Path("/dev/full"), EVIDENCE).write([b"abc"])
