# SPDX-License-Identifier: Apache-2.0
"""One word, one meaning, also in what people read: help, messages and pages (GLOSSARY.md)."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
TOP = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md", "SECURITY.md")
PAGES = [REPOSITORY / name for name in TOP] + sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)
READ_BY_PEOPLE = ("cli", "errors")
"""Rooms whose every text is for people: help and messages."""

AVOIDED = {
    "event": (r"\bevents?\b", "say record, observation or entry"),
    "audit": (r"\baudits?\b", "say record, access or report"),
    "user": (r"\busers?\b", "say person"),
    "transaction": (r"\btransactions?\b", "say entry or record; the database's own may be called so"),
    "log as a verb": (r"\b(?:logged|logging|to log)\b", "say record"),
    "approve for authorize": (
        r"\b(?:policy|policies|permission|gate|point)s? approves?\b",
        "a person approves; others authorize",
    ),
    "signature for MAC": (r"\b(?:HMAC|MAC) signatures?\b", "a MAC is no signature"),
}
ALLOWED = {
    ("GLOSSARY.md", "event"): "lists the words that are not used",
    ("GLOSSARY.md", "audit"): "lists the words that are not used",
    ("GLOSSARY.md", "user"): "lists the words that are not used",
    ("GLOSSARY.md", "transaction"): "lists the words that are not used",
    ("ARCHITECTURE.md", "transaction"): "the database's own",
    ("docs/spec/log-profile.md", "transaction"): "the database's own",
}
OTHERS_WORDS = re.compile(r"`[^`]*`|```.*?```|\]\([^)]*\)|event loop", re.DOTALL)
"""Code, addresses and names of others."""


def prose(text: str) -> str:
    """``text`` without what is code, an address, or somebody else's word."""
    return OTHERS_WORDS.sub("", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("word", sorted(AVOIDED))
def test_no_page_uses_a_word_with_two_meanings(word: str) -> None:
    """Pages say it in the words of the glossary, but for the places that are listed with a reason."""
    pattern, better = AVOIDED[word]
    found = []
    for page in PAGES:
        name = page.relative_to(REPOSITORY).as_posix()
        if (name, word) not in ALLOWED:
            found += [
                f"{name}: {match[0]} ({better})"
                for match in re.finditer(pattern, prose(page.read_text("utf-8")), re.IGNORECASE)
            ]
    assert found == []


@pytest.mark.parametrize("word", sorted(AVOIDED))
def test_no_help_and_no_message_uses_a_word_with_two_meanings(word: str, modules: list[Any]) -> None:
    """What the command line and the errors say is in the words of the glossary, too."""
    pattern, better = AVOIDED[word]
    found = [
        f"{module.name}:{node.lineno} {match[0]} ({better})"
        for module in modules
        if module.room in READ_BY_PEOPLE
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for match in re.finditer(pattern, prose(node.value), re.IGNORECASE)
    ]
    assert found == []


def test_what_is_allowed_is_still_there() -> None:
    """Every exception speaks of a word that stands on its page."""
    over = [
        (name, word)
        for name, word in ALLOWED
        if not re.search(AVOIDED[word][0], prose((REPOSITORY / name).read_text("utf-8")), re.IGNORECASE)
    ]
    assert over == []
