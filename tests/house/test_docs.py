# SPDX-License-Identifier: Apache-2.0
"""The documents agree with the code: reference pages are generated, links lead somewhere, lists are whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
TOP = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md", "SECURITY.md")
PAGES = [REPOSITORY / name for name in TOP] + sorted(
    page for page in DOCS.rglob("*.md") if "_build" not in page.parts
)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s#]*)(?:#(?P<anchor>[^)\s]*))?\)")
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?)\s*$", re.MULTILINE)
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
UNWRITTEN = re.compile(
    r"\b(?:placeholder|to be written|to be done|coming soon|lorem ipsum|tbd|xxx)\b", re.IGNORECASE
)
WORDS_MIN = 40  # less is no page: a heading, a sentence and a promise
DECISION = re.compile(r"^(?P<number>[0-9]{4})-[a-z0-9-]+\.md$")
DECISION_PARTS = ("## Context", "## Decision", "## Consequences")
FRAGMENT = re.compile(r"^[a-z0-9+-]+\.(added|changed|fixed|security)(\.[0-9]+)?\.md$")
PACKAGE = re.compile(r"^[a-z0-9][a-z0-9+.-]+$")  # Debian policy 5.6.1
CITED = re.compile(r"see decision (?P<number>[0-9]+)")


def test_reference_pages_are_up_to_date() -> None:
    """docs/reference is what docs/generate.py writes from the code (``make reference``)."""
    command = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file that exists."""
    targets = [
        match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8")) if match["target"]
    ]
    local = [target for target in targets if is_local(target)]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_to_headings_lead_to_one(page: Path) -> None:
    """Behind # stands a heading of the page that the link leads to."""
    lost = []
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target = page.parent / match["target"] if match["target"] else page
        if (
            match["anchor"]
            and is_local(match["target"])
            and target.suffix == ".md"
            and match["anchor"] not in anchors(target)
        ):
            lost.append(match[0])
    assert lost == []


def is_local(target: str) -> bool:
    """Whether a link stays in the repository."""
    return "://" not in target and not target.startswith("mailto:")


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in a link."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    words = (re.sub(r"[^\w\s-]", "", match["text"].lower()) for match in HEADING.finditer(text))
    return {re.sub(r"\s", "-", one.strip()) for one in words}


def test_the_anchors_of_headings_are_found(tmp_path: Path) -> None:
    """A heading is called by its words in small letters, joined by hyphens; code is no heading."""
    page = tmp_path / "a.md"
    page.write_text("# Who is `trusted`?\n\n```sh\n# no heading\n```\n\n## 2. At once\n")
    assert anchors(page) == {"who-is-trusted", "2-at-once"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_no_page_is_a_promise(page: Path) -> None:
    """Every page says something: no word that stands for a text to come, and more than a few words."""
    text = page.read_text(encoding="utf-8")
    assert UNWRITTEN.findall(text) == []
    assert len(text.split()) >= WORDS_MIN


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_every_kind_of_page_is_found_from_the_top(page: str) -> None:
    """README and the first page of the documents lead to tutorial, how-to, explanation, reference and decisions."""
    targets = {match["target"] for match in LINK.finditer((REPOSITORY / page).read_text(encoding="utf-8"))}
    for kind in ("tutorial", "how-to", "explanation", "spec", "reference", "decisions"):
        assert any(f"{kind}/" in target for target in targets), kind


def test_every_room_is_on_a_floor_of_the_architecture() -> None:
    """ARCHITECTURE.md names each file and folder of src/byhand in its table of floors, and no other."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(r"\| [0-9][a-c]? \|", line)]
    named = {name for line in lines for name in re.findall(r"`(\w+)`", line.split("|")[2])}
    source = REPOSITORY / "src" / "byhand"
    rooms = {one.stem for one in source.iterdir() if one.suffix == ".py" or (one / "__init__.py").exists()}
    assert named == rooms - {"__init__"} | {"byhand"}


def test_every_decision_is_listed_and_complete() -> None:
    """Decisions are numbered without gaps, have their three parts, and stand in the index."""
    records = sorted(path for path in (DOCS / "decisions").glob("*.md") if DECISION.match(path.name))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    index = (DOCS / "decisions" / "index.md").read_text()
    assert [path.name for path in records if path.name not in index] == []
    for path in records:
        assert [part for part in DECISION_PARTS if part not in path.read_text()] == [], path.name


def test_decisions_cited_in_the_code_exist() -> None:
    """Every "see decision N" in the source leads to a decision record."""
    known = {int(path.name[:4]) for path in (DOCS / "decisions").glob("[0-9]*.md")}
    cited = {
        int(match["number"])
        for path in (REPOSITORY / "src").rglob("*.py")
        for match in CITED.finditer(path.read_text(encoding="utf-8"))
    }
    assert cited <= known


def test_changelog_fragments_have_a_kind() -> None:
    """Every file in changelog.d is a fragment that the changelog will take."""
    names = [path.name for path in (REPOSITORY / "changelog.d").iterdir() if path.name != "README.md"]
    assert [name for name in names if not FRAGMENT.match(name)] == []


def test_lists_of_debian_packages_can_be_read() -> None:
    """Every debian.txt has one package name a line, ``#`` beginning a comment."""
    for path in (REPOSITORY / "tests").rglob("debian.txt"):
        lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
        assert [line for line in lines if line and not PACKAGE.match(line)] == [], path


def test_the_lock_comes_from_the_public_registry_alone() -> None:
    """uv.lock names https://pypi.org and no folder or mirror of somebody's machine."""
    lock = (REPOSITORY / "uv.lock").read_text()
    assert set(re.findall(r'registry = "([^"]+)"', lock)) == {"https://pypi.org/simple"}
    assert "file://" not in lock


def test_nothing_names_a_folder_of_somebodys_machine() -> None:
    """No document, setting or module names a path that exists on one machine only."""
    machine = re.compile(r"(?<![\w./])/(?:root|work|home/[a-z]+|Users/[A-Za-z]+)/")
    files = [
        *PAGES,
        REPOSITORY / "Makefile",
        REPOSITORY / "pyproject.toml",
        *(REPOSITORY / "src").rglob("*.py"),
    ]
    assert [str(file) for file in files if machine.search(file.read_text(encoding="utf-8"))] == []
