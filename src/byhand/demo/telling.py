# SPDX-License-Identifier: Apache-2.0
"""How a story speaks to whoever watches it: one JSON object a line, since it plays in a process of its own.

A line is something said, an intervention that was made, or an expectation with what was really found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import byhand
from byhand.client.interventions import Intervention
from byhand.errors import ByhandError

STORY_SECONDS_MAX = 120  # a story takes some five seconds; more means that something hangs
BYHAND_VARIABLES = "BYHAND_"


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a story. ``kind`` act: ``what`` is its name and ``found`` the intervention's id."""

    kind: Literal["said", "act", "expected"]
    what: str
    found: str = ""
    wanted: str = ""

    @property
    def held(self) -> bool:
        """Whether what was found is what the story expects."""
        return self.kind != "expected" or self.found == self.wanted


Hear = Callable[[Told], None]


class Teller:
    """The story's own voice, in the process where it plays."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear

    def say(self, text: str) -> None:
        """Tell what happens next."""
        self._hear(Told("said", text))

    def act(self, name: str, intervention: str) -> None:
        """Tell that an intervention was made."""
        self._hear(Told("act", name, intervention))

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Tell what was found, and what the story expects there."""
        self._hear(Told("expected", what, str(found), str(wanted)))

    @contextmanager
    def refused(self, what: str, kind: type[ByhandError]) -> Iterator[None]:
        """Expect that what is tried inside is refused with an error of ``kind``."""
        try:
            yield
        except ByhandError as refusal:
            self.say(f'byhand says: "{refusal}"')
            self.expect(what, "refused" if isinstance(refusal, kind) else type(refusal).__name__, "refused")
        else:
            self.expect(what, "let through", "refused")

    def concluded(self, name: str, act: Intervention) -> None:
        """Tell what byhand read before and after, from the system itself."""
        self.act(name, act.id)
        self.expect("byhand recorded the outcome", act.outcome.result, "applied")
        self.expect("what byhand read afterwards is what was declared", str(act.outcome.as_declared), "True")


def printed(told: Told) -> None:
    """Hear by printing: what a story's process does."""
    print(json.dumps(asdict(told)), flush=True)  # noqa: T201 - standard output is the story


@dataclass(frozen=True, slots=True)
class Player:
    """Who plays a story: which home, as which person, with which key."""

    home: Path
    person: str
    key: Path
    environment: Mapping[str, str]
    """Variables of a story's process: no settings of the reader's byhand."""

    def configure(self) -> None:
        """Point the library of this process at the home."""
        byhand.configure(home=self.home, person=self.person, key=self.key)


def player_from_arguments(arguments: Sequence[str]) -> tuple[Player, list[str]]:
    """The player named by a story's command line, and the arguments behind it."""
    home, person, key, *rest = arguments
    return Player(Path(home), person, Path(key), os.environ), rest


def play(python: Path, module: str, player: Player, *arguments: str, hear: Hear) -> list[Told]:
    """Play the story in ``module`` with ``python``, handing every line to ``hear`` as it comes.

    Returns all of them; a story that ends badly ends with an expectation that did not hold.
    """
    command = [str(python), "-I", "-m", module]
    command += [str(player.home), player.person, str(player.key), *arguments]
    told: list[Told] = []

    def both(line: Told) -> None:
        told.append(line)
        hear(line)

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=dict(player.environment), encoding="utf-8"
    ) as process:
        patience = threading.Timer(STORY_SECONDS_MAX, process.kill)
        patience.start()
        for text in process.stdout or ():
            both(_line(text))
        code = process.wait()
        patience.cancel()
    both(Told("expected", "the story ran to its end", f"exit {code}", "exit 0"))
    return told


def _line(text: str) -> Told:
    """A line of the story; what the system itself prints in between is only something said."""
    try:
        return Told(**json.loads(text))
    except (ValueError, TypeError):
        return Told("said", text.rstrip())


def own_python() -> Path:
    """The Python that runs this byhand."""
    return Path(sys.executable)


def environment_without_byhand(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without the reader's byhand: its settings and the keys of an agent."""
    return {
        name: text
        for name, text in environment.items()
        if not name.startswith(BYHAND_VARIABLES) and name != "SSH_AUTH_SOCK"
    }
