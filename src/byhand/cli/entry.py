# SPDX-License-Identifier: Apache-2.0
"""From a command line to an exit code: parses it, calls the one command it names, and tells what went wrong.

Data goes to standard output, messages to standard error. No traceback for an error of ours.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from byhand.cli.common import OPTIONS
from byhand.cli.output import console, give_up_showing, open_streams, say, showing
from byhand.errors import ByhandError, Invalid, NotShown

FAILED = 1
USAGE = 2
INTERRUPTED = 130  # as shells do: ended by SIGINT
DELIMITER = "--"
WORD_LENGTH_MAX = 255  # a file's name, a key, a digest; a longer word in an error hides the rest of it
WORD_SHOWN = 40  # enough to know it again
LONG_WORD = re.compile(rf"\S{{{WORD_LENGTH_MAX + 1},}}")
TAKE_COMMAND = ("run", "break-glass")
"""The commands behind whose ``--`` a whole command line of somebody else stands."""


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit code."""
    from cyclopts import CycloptsError

    open_streams()
    try:
        return _run(arguments)
    except CycloptsError as error:
        return _usage(error)
    except ByhandError as error:
        if isinstance(error, NotShown):
            give_up_showing()
        tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        give_up_showing()  # whoever read us has gone
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last place where anything can be said about it
        return _unexpected(error)


def _run(arguments: list[str]) -> int:
    from byhand.cli.tree import app, whole

    tokens, command = split(arguments)
    function, bound, injected = app.parse_args(tokens, print_error=False, exit_on_error=False)
    kept: dict[str, Any] = {"command": tuple(command)} if "command" in injected else {}
    if function.__name__ == app.help_print.__name__:
        whole(app)
        kept["console"] = console()
    if function.__name__ in (app.help_print.__name__, app.version_print.__name__):
        with showing():
            function(*bound.args, **{**bound.kwargs, **kept})
        return 0
    result = function(*bound.args, **{**bound.kwargs, **kept})
    with showing():
        pass  # what a command left in the stream; `run` leaves nothing, so its command's exit code comes through
    return result if isinstance(result, int) else 0


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own words, common options moved behind the command; and the command line behind ``run ... --``."""
    leading, rest = _leading(list(arguments))
    if leading and not rest:
        raise Invalid(f"no command stands behind {' '.join(leading)}", advice="See: byhand --help")
    if rest and rest[0] in TAKE_COMMAND and DELIMITER in rest:
        place = rest.index(DELIMITER)
        return [*rest[:place], *leading], rest[place + 1 :]
    place = rest.index(DELIMITER) if DELIMITER in rest else len(rest)
    return [*rest[:place], *leading, *rest[place:]], []


def _leading(words: list[str]) -> tuple[list[str], list[str]]:
    """The common options before the command's name, and everything behind them."""
    count = 0
    while count < len(words) and words[count].partition("=")[0] in OPTIONS:
        count += 1 if "=" in words[count] else 2
    return words[:count], words[count:]


def tell(error: ByhandError) -> None:
    """The error's sentence and its advice, on standard error."""
    say(f"byhand: {shortened(error)}")
    if error.advice:
        say(f"  {error.advice}")


def shortened(error: Exception) -> str:
    """What an error says; a word of it longer than any that people type is somebody's data, and is cut."""
    return LONG_WORD.sub(lambda found: f"{found[0][:WORD_SHOWN]}...", str(error))


def _usage(error: Exception) -> int:
    from cyclopts import MissingArgumentError, UnusedCliTokensError

    chain = getattr(error, "command_chain", None) or ()
    absent = isinstance(error, MissingArgumentError) and error.keyword is None
    say(f"byhand: {_name_of(error)} is missing" if absent else f"byhand: {shortened(error)}")
    if isinstance(error, UnusedCliTokensError) and chain and chain[0] in TAKE_COMMAND:
        say(f"  Write the command behind -- : byhand {chain[0]} POINT -- COMMAND")
    say(f"  See: {' '.join(('byhand', *chain, '--help'))}")
    return USAGE


def _name_of(error: Exception) -> str:
    """What the argument is called that an error of the parser is about."""
    return str(getattr(getattr(error, "argument", None), "name", "an argument"))


def _unexpected(error: Exception) -> int:
    say(f"byhand: unexpected {type(error).__name__}: {shortened(error)}")
    if os.environ.get("BYHAND_DEBUG") == "1":
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    else:
        say("  This is a fault of byhand. BYHAND_DEBUG=1 shows where it comes from.")
    return FAILED
