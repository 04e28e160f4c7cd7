# SPDX-License-Identifier: Apache-2.0
"""The floors: what may import what. import-linter judges the contracts; these tests keep them complete."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src" / "byhand"
CONTRACTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PURE_ROOMS = {"records", "log", "signatures", "trust", "detectors"}
IMPURE = {
    "asyncio", "http", "httpx", "io", "os", "pathlib", "random", "requests", "secrets", "select", "shutil",
    "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
PLUG_IN_FOLDERS = ("probes", "connectors", "sinks", "detectors")
IMPORT_NAMES = {"yaml": "pyyaml"}  # where the import is called otherwise than the distribution
ENGINE_SIDE = {
    "src/byhand/demo/desk.py",
    "src/byhand/integrations/buildbot.py",
    "src/byhand/integrations/feed.py",
    "src/byhand/integrations/outbox.py",
}  # runs inside the engine's environment, never in byhand's
EXTRA_OF = {
    "api": "server",
    "ui": "server",
    "detectors": "watch",
}  # a room that is installed with an extra of its own
IMPORT_MILLISECONDS_MAX = 60  # a shell prompt must not be felt to wait
IMPORT_ROUNDS = 7  # the quickest counts: others may be using the machine
OUTSIDE_ALLOWED: set[str] = set()  # what `import byhand` may load beside the standard library


def contract(name: str) -> dict[str, Any]:
    """The contract called ``name``."""
    return next(found for found in CONTRACTS if found["id"] == name)


def test_every_room_has_a_floor() -> None:
    """Each file and folder of src/byhand has its place in the first contract."""
    placed = set(re.findall(r"\w+", " ".join(contract("floors")["layers"])))
    rooms = {
        path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - placed - {"__init__"} == set()


def test_pure_rooms_name_no_input_or_output(modules: list[Any]) -> None:
    """records, log, signatures and trust import nothing that reads, writes, waits or draws lots."""
    found = [
        f"{module.name} imports {name}"
        for module in modules
        if module.room in PURE_ROOMS
        for name in sorted(module.imported())
        if name.split(".")[0] in IMPURE or name == "byhand.clock"
    ]
    assert found == []


def test_every_library_is_declared(modules: list[Any]) -> None:
    """What byhand imports of others is named in pyproject.toml: in the core, or in the extra of its room."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    core = names_of(project["dependencies"])
    extras = {room: names_of(project["optional-dependencies"][extra]) for room, extra in EXTRA_OF.items()}
    undeclared = [
        f"{module.name} imports {name}"
        for module in modules
        if module.name not in ENGINE_SIDE
        for name in sorted(outside({found for found in module.imported() if found}))
        if IMPORT_NAMES.get(name, name) not in core | extras.get(module.room, set())
    ]
    assert undeclared == []


def names_of(requirements: list[str]) -> set[str]:
    """The packages of a list of requirements, as Python spells them."""
    return {re.split(r"[^A-Za-z0-9_-]", name)[0].replace("-", "_") for name in requirements}


def is_main_guard(node: ast.AST) -> bool:
    """Whether ``node`` is ``if __name__ == "__main__"``: what a script does is not what a room does."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def test_pure_rooms_open_nothing(modules: list[Any]) -> None:
    """The pure rooms call neither open() nor input() nor print()."""
    found = [
        f"{module.name}:{node.lineno}"
        for module in modules
        if module.room in PURE_ROOMS
        for statement in module.tree.body
        if not is_main_guard(statement)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"open", "input", "print"}
    ]
    assert found == []


@pytest.mark.parametrize("folder", PLUG_IN_FOLDERS)
def test_every_plug_in_is_held_apart(folder: str) -> None:
    """Each class a folder lists in BUILT_IN lives in a module that the plug-in contract names."""
    if not (SOURCE / folder).exists():
        assert not any(name.startswith(f"byhand.{folder}.") for name in contract("plug-ins")["modules"])
        return
    from importlib import import_module

    built_in = import_module(f"byhand.{folder}").BUILT_IN
    homes = {kind if isinstance(kind, str) else kind.__module__ for kind in built_in}
    assert homes <= set(contract("plug-ins")["modules"])


def test_nothing_is_exempt() -> None:
    """No contract carries an exception list: what cannot be kept is written differently."""
    assert [found["id"] for found in CONTRACTS if found.get("ignore_imports")] == []


def fresh(script: str) -> str:
    """What ``script`` prints in an interpreter that nobody measures the coverage of."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after ``statement``."""
    script = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    return set(fresh(script).split())


def outside(modules: set[str]) -> set[str]:
    """The top names among ``modules`` that are neither byhand nor of the standard library."""
    known = sys.stdlib_module_names | {"byhand"}
    return {name.split(".")[0] for name in modules} - known - set(sys.builtin_module_names)


def test_import_byhand_loads_the_standard_library_and_little_else() -> None:
    """``import byhand`` brings in no library of others."""
    assert outside(loaded_by("import byhand")) <= OUTSIDE_ALLOWED


def test_import_byhand_is_quick() -> None:
    """``import byhand`` takes at most 60 ms in a fresh interpreter, the quickest of seven tries."""
    script = (
        "import time; begun = time.perf_counter(); import byhand; print((time.perf_counter() - begun) * 1000)"
    )
    tries = [float(fresh(script)) for _ in range(IMPORT_ROUNDS)]
    assert min(tries) <= IMPORT_MILLISECONDS_MAX, tries
