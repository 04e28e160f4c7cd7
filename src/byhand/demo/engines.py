# SPDX-License-Identifier: Apache-2.0
"""Environments for the real systems of the stories: built once, kept in the cache, handed out as a Python.

An engine's environment has two parts, so that a change to byhand does not fetch the engine again:

- the *base*, keyed by everything that decides its content (locked requirements, interpreter, platform), holds the
  engine and byhand's own dependencies, installed from wheels with checked hashes;
- a *layer* on top, keyed by the source of the byhand that is running, holds a copy of exactly that byhand.

Both are built under another name and renamed when complete: a folder with the right name is a whole one.
Whoever can write to the cache can change what a story runs; nothing that byhand records depends on it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, cast

from byhand.errors import EngineUnavailable, NotFound

LAYERS_KEPT_MAX = 8  # one per state of byhand's source tried lately; a layer is about 2 MB
OUTPUT_LINES_SHOWN_MAX = 6  # of an installer that failed: its last words name the cause

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to build one engine's environment; ``recipes/NAME.txt`` beside this module is its lock.

    Sizes are measured on Linux x86-64 and rounded up; ``pythons`` are those the engine has wheels for.
    """

    name: str
    title: str
    pythons: tuple[str, ...]
    download_megabytes: int
    disk_megabytes: int

    @property
    def lock(self) -> Path:
        """The locked requirements, shipped with the package."""
        return Path(__file__).with_name("recipes") / f"{self.name}.txt"


RECIPES = (
    Recipe(
        name="nautilus",
        title="nautilus_trader 1.221 (trading engine)",
        pythons=("3.11", "3.12", "3.13"),
        download_megabytes=210,
        disk_megabytes=750,
    ),
    Recipe(
        name="buildbot",
        title="Buildbot 4.3 (build system)",
        pythons=("3.11", "3.12", "3.13"),
        download_megabytes=40,
        disk_megabytes=200,
    ),
)


def recipe(name: str) -> Recipe:
    """The recipe called ``name``; NotFound lists those there are."""
    for candidate in RECIPES:
        if candidate.name == name:
            return candidate
    raise NotFound(f"there is no engine {name!r}; there are: {', '.join(each.name for each in RECIPES)}")


def ensure(name: str, *, show: Show) -> Path:
    """The Python of engine ``name``'s environment, built first when it is not in the cache.

    ``show`` receives lines for the person who waits: the size before anything is fetched, then progress. The
    Python can import the engine and the very byhand that is running. Safe to call from several processes.

    Raises EngineUnavailable when the engine cannot be had here: no wheel for this Python or platform, no network,
    no space. The caller names it and goes on with what else there is.
    """
    wanted = recipe(name)
    _check_python(wanted)
    folder = cache_folder() / "engines"
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f"{wanted.name}-{_base_key(wanted)}"
    with _building(base):
        if not base.exists():
            _build(base, lambda place: _install(wanted, place, show))
            show(f"{wanted.title}: kept in {base}")
        layer = folder / f"{base.name}-byhand-{_source_key()}"
        if not layer.exists():
            _build(layer, lambda place: _lay(place, base))
        layer.touch()
        _remove_old_layers(base)
    return _python(layer)


def cache_folder() -> Path:
    """Where built environments are kept: ``$BYHAND_CACHE``, else ``~/.cache/byhand``."""
    return Path(os.environ.get("BYHAND_CACHE") or "~/.cache/byhand").expanduser()


def _check_python(wanted: Recipe) -> None:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if running not in wanted.pythons:
        raise EngineUnavailable(
            f"{wanted.title} has no wheel for Python {running}",
            advice=f"Run byhand with one of Python {', '.join(wanted.pythons)} to see this story.",
        )


def _base_key(wanted: Recipe) -> str:
    """Everything that decides what the base contains, and the interpreter its links point to."""
    interpreter = (
        sys.version.split()[0],
        sys.implementation.cache_tag,
        sys.base_prefix,
        sysconfig.get_platform(),
    )
    return _digest([wanted.lock.read_bytes(), *(str(part).encode() for part in interpreter)])


def _source_key() -> str:
    package = _package()
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return _digest([part for path in files for part in (bytes(path.relative_to(package)), path.read_bytes())])


def _digest(parts: list[bytes]) -> str:
    lengths_and_parts = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hashlib.sha256(lengths_and_parts).hexdigest()[:12]


def _package() -> Path:
    """The folder of the byhand that is running, however it was installed."""
    return Path(__file__).resolve().parents[1]


@contextmanager
def _building(base: Path) -> Iterator[None]:
    """One builder at a time for a base and its layers; the lock goes with its holder, also when it is killed."""
    with base.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(final: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder under another name, then rename it. A crash leaves only what the next call removes."""
    place = final.with_suffix(".part")
    shutil.rmtree(place, ignore_errors=True)
    try:
        fill(place)
        place.rename(final)
    except OSError as error:
        raise EngineUnavailable(f"{final.name} could not be built: {error}") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)  # nothing is left there after the rename


def _install(wanted: Recipe, place: Path, show: Show) -> None:
    show(
        f"{wanted.title}: fetching about {wanted.download_megabytes} MB into an environment of its own "
        f"({wanted.disk_megabytes} MB on disk); once only"
    )
    venv.create(place, symlinks=True, with_pip=True)
    command = [str(_python(place)), "-I", "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    command += [
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "-r",
        str(wanted.lock),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as installer:
        output = _follow(installer, wanted, show)
    if installer.returncode != 0:
        raise _install_failure(wanted, output)


def _follow(installer: subprocess.Popen[str], wanted: Recipe, show: Show) -> list[str]:
    """Turn what the installer says into progress; returns all its lines."""
    output = cast("IO[str]", installer.stdout)  # it was started with a pipe
    packages = wanted.lock.read_text().count("==")
    lines: list[str] = []
    collected = 0
    for line in output:
        lines.append(line.strip())
        if line.startswith(("Collecting ", "Processing ")):  # from an index, or from a folder of wheels
            collected += 1
            show(f"  {collected} of at most {packages}: {Path(line.split()[1]).name}")
        elif line.startswith("Installing "):
            show(f"  unpacking {collected} packages")
    return lines


def _install_failure(wanted: Recipe, output: list[str]) -> EngineUnavailable:
    running = f"Python {sys.version.split()[0]} on {sysconfig.get_platform()}"
    for line in output:
        if "No matching distribution found for " in line:
            missing = line.rpartition(" for ")[2]
            return EngineUnavailable(
                f"{wanted.title}: no wheel of {missing} for {running}, or no network to fetch it"
            )
    last_words = "\n  ".join(output[-OUTPUT_LINES_SHOWN_MAX:])
    return EngineUnavailable(f"{wanted.title} could not be installed for {running}:\n  {last_words}")


def _lay(place: Path, base: Path) -> None:
    """A thin environment that sees the base and holds a copy of the running byhand.

    A copy, and not another installation: what runs beside the engine is then byte for byte what runs here,
    whether byhand came from an index, a wheel or a checkout, and it stays so while the checkout is edited.
    """
    venv.create(place, symlinks=True, with_pip=False)
    packages = _site_packages(place)
    (packages / "engine.pth").write_text(f"{_site_packages(base)}\n")
    shutil.copytree(_package(), packages / "byhand", ignore=shutil.ignore_patterns("__pycache__"))
    _copy_metadata(packages)


def _copy_metadata(packages: Path) -> None:
    """What byhand may ask about itself at run time: its version and its entry points."""
    running = metadata.distribution("byhand")
    information = packages / f"byhand-{running.version}.dist-info"
    information.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        if text := running.read_text(name):
            (information / name).write_text(text)


def _remove_old_layers(base: Path) -> None:
    layers = [path for path in base.parent.glob(f"{base.name}-byhand-*") if path.suffix != ".part"]
    layers.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for layer in layers[LAYERS_KEPT_MAX:]:
        shutil.rmtree(layer, ignore_errors=True)  # still in use elsewhere: the next call removes the rest


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _site_packages(environment: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return environment / "lib" / version / "site-packages"
