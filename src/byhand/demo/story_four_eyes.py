# SPDX-License-Identifier: Apache-2.0
"""Four eyes on the real engine: nobody approves their own act, and what was approved is exactly what happens.

Runs in the engine's environment: ``python -m byhand.demo.story_four_eyes HOME PERSON KEY COLLEAGUE KEY PYTHON``.
``PYTHON`` runs the command line of the colleague, who is another person at another desk.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import byhand
from byhand import wiring
from byhand.client import steps
from byhand.client.places import RegisteredPoint
from byhand.client.signing import find_signer
from byhand.client.speaking import sign_login
from byhand.demo.desk import Desk
from byhand.demo.plot import (
    HARD_LIMIT_POINT,
    OPENING_LIMIT,
    POLL_SECONDS,
    RAISED_FOR,
    RAISED_LIMIT,
    WAIT_SECONDS_MAX,
    revert_when_due,
)
from byhand.demo.telling import Player, Teller, player_from_arguments, printed
from byhand.embedded import Embedded
from byhand.errors import ApprovalPending, NotPermitted

ALTERED_LIMIT = 9_000_000
NOTES = "Client ACME rolls its whole position at once, agreed with the risk desk by phone."
AGAIN = "Second leg of the roll; the limit goes back by itself."
REFUSED = 3
COMMAND_SECONDS_MAX = 30.0  # takes one


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person at a command line."""

    python: Path
    player: Player

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What came of a command of byhand."""
        own = {"BYHAND_HOME": str(self.player.home), "BYHAND_PERSON": self.player.person}
        return subprocess.run(
            [str(self.python), "-I", "-m", "byhand", *words],
            env={**self.player.environment, **own, "BYHAND_KEY": str(self.player.key)},
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS_MAX,
        )


def main() -> None:
    """Play it."""
    mara, (name, key, python) = player_from_arguments(sys.argv[1:])
    jonas = Player(mara.home, name, Path(key), mara.environment)
    tell = Teller(printed)
    with Desk(max_notional=OPENING_LIMIT) as desk:
        desk.quote("100.00")
        at_the_desk, colleague = Somebody(Path(python), mara), Somebody(Path(python), jonas)
        what_was_approved_and_nothing_else(desk, tell, at_the_desk, colleague)
        and_the_exact_one_comes_back(desk, tell, mara, colleague)
    byhand.close()


def what_was_approved_and_nothing_else(
    desk: Desk, tell: Teller, trader: Somebody, colleague: Somebody
) -> None:
    """Declared, refused to the trader herself, approved by the other one, and good for that value only."""
    with signed_in(trader.player) as backend:
        signer = find_signer(key_path=trader.player.key, environ={})
        request = steps.Request(
            place=RegisteredPoint(HARD_LIMIT_POINT),
            reason="LIQUIDITY_PROVISIONING",
            notes=NOTES,
            new=str(RAISED_LIMIT),
        )
        tell.say(f"Mara wants the limit at {RAISED_LIMIT:,}; at high risk somebody else has to agree.")
        prepared = steps.declare_only(backend, request, read=desk.max_notional, signer=lambda: signer)
        found = prepared.intervention
        tell.act("four eyes", found)
        tell.expect("approvals that are missing", prepared.declared.approvals_missing, 1)
        with tell.refused("a permit before anybody approved", ApprovalPending):
            steps.permit_only(backend, found)
        own = trader.types("approve", found, "--yes")
        tell.expect("Mara approves it herself", f"exit {own.returncode}", f"exit {REFUSED}")
        seen = colleague.types("approve", found, "--yes")
        tell.say(
            f"Jonas reads what it is about: {_line_with(seen.stderr, 'before')}, {_line_with(seen.stderr, 'after')}"
        )
        tell.expect("Jonas approves it", f"exit {seen.returncode}", "exit 0")
        steps.permit_only(backend, found)
        with tell.refused(f"the permit, for {ALTERED_LIMIT:,} instead", NotPermitted):
            steps.redeem_only(
                backend,
                found,
                RegisteredPoint(HARD_LIMIT_POINT),
                read=desk.max_notional,
                new=str(ALTERED_LIMIT),
            )
        tell.expect("the limit, read from the engine", desk.max_notional(), OPENING_LIMIT)


def and_the_exact_one_comes_back(desk: Desk, tell: Teller, mara: Player, colleague: Somebody) -> None:
    """The library waits for the colleague; the change ends by itself, without being approved once more."""
    tell.say("Mara asks again, from her program this time. It waits, and Jonas looks at what waits for him.")
    mara.configure()
    approving = threading.Thread(target=_approve_what_waits, args=(colleague,), daemon=True)
    approving.start()
    with byhand.intervention(
        HARD_LIMIT_POINT,
        reason="LIQUIDITY_PROVISIONING",
        notes=AGAIN,
        read=desk.max_notional,
        new=str(RAISED_LIMIT),
        until=RAISED_FOR,
        revert=lambda: desk.set_max_notional(OPENING_LIMIT),
    ) as act:
        desk.set_max_notional(RAISED_LIMIT)
    approving.join(WAIT_SECONDS_MAX)
    tell.concluded("approved raise", act)
    tell.expect("a large order fills", desk.buy(30_000).status, "FILLED")
    outcome = revert_when_due()
    tell.expect("the way back needs nobody again", outcome.result if outcome else "nothing", "applied")
    tell.expect("the limit, read from the engine", desk.max_notional(), OPENING_LIMIT)


@contextmanager
def signed_in(player: Player) -> Iterator[Embedded]:
    """The gate, for a person who signed in with their key."""
    home = wiring.open_home(player.home, environment=player.environment)
    signer = find_signer(key_path=player.key, environ={})
    challenge, expires = home.sessions.challenge()
    token, _ = home.sessions.login(
        sign_login(home.origin, player.person, challenge, expires, signer), challenge
    )
    backend = wiring.open_backend(home, token)
    try:
        yield backend
    finally:
        home.close()


def _approve_what_waits(colleague: Somebody) -> None:
    """As a person does who looks into the inbox from time to time."""
    until = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < until:
        waiting = colleague.types("inbox", "--output", "ndjson").stdout.splitlines()
        for line in waiting:
            if AGAIN in line or len(waiting) == 1:
                found = line.split('"id":"', 1)[1].split('"', 1)[0]
                if colleague.types("approve", found, "--yes").returncode == 0:
                    return
        time.sleep(POLL_SECONDS)


def _line_with(text: str, word: str) -> str:
    return next((" ".join(line.split()) for line in text.splitlines() if word in line), "")


if __name__ == "__main__":
    main()
