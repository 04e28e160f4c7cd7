# SPDX-License-Identifier: Apache-2.0
"""What is given and cannot be meant: empty values, files for folders, bytes for text, places where no log is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from scripts import Ended, in_shell

Run = Callable[..., Ended]
WHY = ("--reason", "FALSE_POSITIVE", "--notes", "Stale quote from XLON, seen on two feeds.")


@pytest.fixture
def home(desk: Path, here: Run) -> Path:
    """A home of one officer."""
    done = here("init", "--origin", "desk.test/given")
    assert done.code == 0, done.err
    return desk


@pytest.fixture
def website(desk: Path) -> Iterator[str]:
    """The URL of a server that has no log."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
            pass

    (desk / "site").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: Quiet(*given, directory=str(desk / "site")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("option", ["--home", "--key", "--person", "--url"])
@pytest.mark.parametrize("form", ["{} ''", "{}="])
def test_an_empty_value_is_a_variable_that_is_not_set(option: str, form: str, home: Path) -> None:
    """An option that is given and empty is named; it is neither the current folder nor the default."""
    done = in_shell(f"byhand point list {form.format(option)}")
    assert (done.code, done.out) == (2, "")
    assert f"{option} is empty" in done.err
    assert "variable" in done.err


def test_a_home_is_a_folder(desk: Path, here: Run) -> None:
    """A file where the home is to be is named, and stays as it is."""
    (desk / "notes.txt").write_text("mine")
    done = here("init", "--home", "notes.txt")
    assert (done.code, done.out) == (2, "")
    assert "notes.txt is a file" in done.err
    assert (desk / "notes.txt").read_text() == "mine"
    assert here("init", "--home", "notes.txt/home").code == 2


def test_a_name_is_text(home: Path) -> None:
    """Bytes that are no text are said to be none, in our words."""
    done = in_shell("byhand whoami --person $'\\xff'")
    assert (done.code, done.err) == (2, "byhand: what stands behind --person is not UTF-8\n")


def test_what_is_too_long_to_be_an_id_is_cut(home: Path, here: Run) -> None:
    """An id of a hundred thousand characters is not repeated in full."""
    for words in (("show", "a" * 100_000), ("a" * 100_000,), ("point", "show", "b" * 100_000)):
        done = here(*words)
        assert done.code in (1, 2)
        assert len(done.err) < 1_000
        assert "..." in done.err


def test_a_command_belongs_behind_two_dashes(home: Path, here: Run) -> None:
    """A command written right behind the point is not run, and the person is told where to write it."""
    done = here("run", "mm7", "touch", "ran")
    assert (done.code, done.out) == (2, "")
    assert "behind -- : byhand run POINT -- COMMAND" in done.err
    assert not (home / "ran").exists()


def test_a_target_needs_a_probe(home: Path, here: Run) -> None:
    """Without a probe the act is not begun, and the advice is one for the prompt."""
    words = ("--target", "a/b/c", "--action", "trading.limit.raise", "--new", "5", *WHY)
    done = here("run", *words, "--", "touch", "ran")
    assert (done.code, done.out) == (2, "")
    assert "--probe file:PATH" in done.err
    assert not (home / "ran").exists()


def test_a_probes_file_is_found_from_the_current_folder(home: Path, here: Run) -> None:
    """A relative path is the one that every other command would take; it is kept whole in a point."""
    (home / "limits.json").write_text('{"max": 5}')
    words = ("--target", "a/b/c", "--action", "trading.limit.raise", "--new", "5", *WHY)
    done = here("run", *words, "--probe", "file:./limits.json#/max", "--", "true")
    assert done.code == 0, done.err
    assert "5 -> 5" in done.err
    added = ("--action", "trading.limit.raise", "--target", "a/b/d", "--owner", "ada.lovelace")
    assert here("point", "add", "limit", *added, "--probe", "file:limits.json#/max").code == 0
    assert json.loads(here("point", "show", "limit").out)["probe"] == f"file:{home}/limits.json#/max"
    assert here("point", "add", "other", *added, "--probe", "file:~/x.json#/max").code == 0
    assert json.loads(here("point", "show", "other").out)["probe"] == "file:~/x.json#/max"


# -- what verify is pointed at


def test_a_wrong_file_of_ones_own_is_no_tampering(home: Path, here: Run) -> None:
    """--since with bytes that are no checkpoint is the verifier's mistake: exit code 2, and no finding."""
    for number, data in enumerate(
        (b"", b"{}", b"\xff\xfe", b"c2sp.org/tlog-proof@v1\nindex x\n", b"a\n1\nb\n")
    ):
        (home / f"wrong{number}").write_bytes(data)
        done = here("verify", "--since", f"wrong{number}")
        assert (done.code, done.out) == (2, ""), data
        assert f"wrong{number} is neither a signed checkpoint nor a .tlog-proof" in done.err


@pytest.mark.parametrize(
    "target", ["nowhere", "ftp://127.0.0.1/log", "file:///etc/passwd", "keys/ada", "keys"]
)
def test_what_is_no_log_is_a_mistake_of_usage(target: str, home: Path, here: Run) -> None:
    """Nothing was checked, so nothing is said to be unsound: exit code 2."""
    done = here("verify", target)
    assert (done.code, done.out) == (2, "")


def test_a_server_that_does_not_answer_says_nothing_of_the_log(home: Path, here: Run, website: str) -> None:
    """Where nobody answers the log is unreachable (6); where a server has none, none is there (2)."""
    done = here("verify", "http://127.0.0.1:9/")
    assert (done.code, done.out) == (6, "")
    assert "does not answer" in done.err
    done = here("verify", f"{website}/nothing")
    assert (done.code, done.out) == (2, "")
    assert f"there is no log at {website}/nothing" in done.err
