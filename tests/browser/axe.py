# SPDX-License-Identifier: Apache-2.0
"""axe-core as npm has it, by the committed lock, kept in the cache and never copied in here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from peers import debian

LOCK = Path(__file__).resolve().parent / "axe"
FILES = ("package.json", "package-lock.json")
FETCH_SECONDS_MAX = 120
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def text(missing: Callable[[str, str], None]) -> str:
    """The script; fetched once, then taken from the cache."""
    name = hashlib.sha256(b"".join((LOCK / file).read_bytes() for file in FILES)).hexdigest()[:16]
    cache = Path(os.environ.get("BYHAND_CACHE") or "~/.cache/byhand").expanduser()
    folder = cache / "peers" / f"axe-{name}"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        _fetch(folder, missing)
    return script.read_text(encoding="utf-8")


def _fetch(folder: Path, missing: Callable[[str, str], None]) -> None:
    if shutil.which("npm") is None:
        debian.ensure(["npm"])
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copy(LOCK / file, folder / file)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS_MAX
    )
    if done.returncode != 0:
        missing("axe-core", f"npm ci in {folder} failed: {done.stderr.strip()[-300:]}")


def violations(page: Page, script: str) -> list[tuple[str, list[str]]]:
    """What axe-core objects to on the page as it is now: rule, and where."""
    page.evaluate(script)
    found = page.evaluate("(rules) => axe.run(document, {runOnly: rules})", RULES)
    return [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found["violations"]]
