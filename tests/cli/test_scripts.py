# SPDX-License-Identifier: Apache-2.0
"""The command line does what its readable scripts show; each script has a fresh home of its own."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from scripts import Captured, Ended, Step, in_shell, normal, steps

from byhand import errors
from byhand.cli import entry, tree

HERE = Path(__file__).parent
SCRIPTS = sorted(HERE.glob("*.txt"))
OWN_ACCOUNT = sorted((HERE / "ordinary").glob("*.txt"))
PENDING = 5  # a proposal waits for a second officer


def play(script: Path, folder: Path, typed: Callable[[str], Ended]) -> None:
    """Type every command of the script in ``folder``; what happens must be what the script shows."""
    captured = Captured({"HERE": str(folder)})
    for step in steps(script):
        done = typed(captured.typed(step.command))
        as_shown = (
            done.code == step.exit_code,
            captured.accepts(step.output, done.out),
            captured.accepts(step.messages, done.err),
        )
        really = transcript(script, step, done).replace(str(folder), "<HERE>")
        assert as_shown == (True, True, True), really


def transcript(script: Path, step: Step, done: Ended) -> str:
    """What really happened, as the script would have it."""
    lines = [f"{script.name}:{step.line}", f"$ {step.command}", *normal(done.out).splitlines()]
    lines += [f"! {line}" for line in normal(done.err).splitlines()]
    return "\n".join([*lines, *([f"[exit {done.code}]"] if done.code else [])])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_is_played_as_it_is_written(script: Path, desk: Path, typed: Callable[[str], Ended]) -> None:
    """Every command of the script prints what the script shows, where it shows it, and ends as it says."""
    play(script, desk, typed)


@pytest.mark.parametrize("script", OWN_ACCOUNT, ids=lambda script: script.stem)
def test_a_script_is_played_on_an_account_of_ones_own(
    script: Path, own_account: tuple[Path, Sequence[str]]
) -> None:
    """Where the account is one person's, every command does what the script shows."""
    folder, prefix = own_account
    play(script, folder, lambda line: in_shell(line, prefix, folder))


def all_steps() -> list[Step]:
    """Every step of every script."""
    return [step for script in (*SCRIPTS, *OWN_ACCOUNT) for step in steps(script)]


def test_every_exit_code_occurs() -> None:
    """Each exit code that the reference names stands in a script, behind a command of byhand."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    named = {0, entry.FAILED, entry.USAGE, PENDING, *(kind.exit_code for kind in kinds)}
    assert named == {0, 1, 2, 3, 4, 5, 6}
    assert {step.exit_code for step in all_steps() if "byhand " in step.command} >= named


KEPT_RUNNING = {"serve", "watch"}
"""Commands that do not end by themselves: tests/api starts and stops them."""


def test_every_command_occurs() -> None:
    """Each command stands in a script, and ends well in one of them."""
    names = {name for name, _ in tree.TOP} | {
        f"{group} {name}" for group, _, commands in tree.GROUPS for name, _ in commands
    }
    typed = {
        " ".join(words)
        for step in all_steps()
        if step.exit_code == 0 and step.command.startswith("byhand ")
        for words in (shlex.split(step.command)[1:3], shlex.split(step.command)[1:2])
    }
    assert names - typed == KEPT_RUNNING


# -- the player itself


def test_a_script_is_taken_apart(tmp_path: Path) -> None:
    """Prose, continued lines, output, messages and exit codes are told apart."""
    script = tmp_path / "a.txt"
    script.write_text("# one\n$ a b\n> c\nout\n\n! err\n[exit 3]\n# two\n$ d\n")
    assert list(steps(script)) == [Step(2, "a b c", ("out",), ("err",), 3), Step(9, "d", (), (), 0)]


def test_what_is_not_shown_must_not_be_printed() -> None:
    """Nothing expected accepts nothing but silence; a line too many or too few is seen."""
    captured = Captured()
    assert captured.accepts((), "\n")
    assert not captured.accepts((), "a\n")
    assert not captured.accepts(("a",), "a\nb\n")
    assert not captured.accepts(("a", "b"), "a\n")
    assert captured.accepts(("a", "...", "d"), "a\nb\nc\nd\n")
    assert not captured.accepts(("a", "..."), "b\nc\n")


def test_a_name_is_one_text_throughout() -> None:
    """A captured name stands for the same text in later output and in what is typed."""
    captured = Captured()
    first, second = "01a20e5d-a368-7e4c-b751-bbaeb6ee4308", "01a20e5d-a368-7e4c-b751-bbaeb6ee4309"
    assert not captured.accepts(("<ID> <ID>",), f"{first} {second}\n")
    assert captured.accepts(("<ID> <ID>",), f"{first} {first}\n")
    assert not captured.accepts(("is <ID>",), f"is {second}\n")
    assert captured.accepts(("is <ID>, <UUID>",), f"is {first}, {second}\n")
    assert captured.typed("byhand show <ID>") == f"byhand show {first}"
    with pytest.raises(KeyError, match="ID-B"):
        captured.typed("byhand show <ID-B>")
    assert not captured.accepts(("<ID-B>",), "no-id\n")
