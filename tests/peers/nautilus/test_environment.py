# SPDX-License-Identifier: Apache-2.0
"""The engine's environment: what it can import, and that it is built once."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from byhand.demo import engines

RunScript = Callable[[str], list[Any]]


def test_it_holds_the_engine_and_a_copy_of_this_byhand(engine_python: Path, run_script: RunScript) -> None:
    """The engine has the exact version of the story; byhand is a copy inside the environment, not the checkout."""
    engine, version, place = run_script(
        """
        import byhand, nautilus_trader
        from importlib.metadata import version
        for value in (nautilus_trader.__version__, version("byhand"), byhand.__file__):
            print(json.dumps(value))
        """
    )
    assert (engine, version) == ("1.221.0", metadata.version("byhand"))
    assert Path(place).is_relative_to(engine_python.parents[1])


def test_a_whole_environment_is_used_again_in_silence(engine_python: Path) -> None:
    """The second request finds everything in the cache and has nothing to tell."""
    shown: list[str] = []
    assert engines.ensure("nautilus", show=shown.append).exists()
    assert shown == []
