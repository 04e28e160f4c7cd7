# SPDX-License-Identifier: Apache-2.0
"""The one way a text is shown: escaped, and with what cannot be seen spelt out."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from hypothesis import given, strategies as st

from byhand.ui import look

MARKED = re.compile(r'<span class="hidden">([^<]*)</span>')


@given(st.text(max_size=60))
def test_every_text_comes_out_escaped_and_visible(text: str) -> None:
    """No markup but our own marks, and nothing left that is invisible, but for line breaks and spaces."""
    shown = str(look.shown(text))
    rest = MARKED.sub("", shown)
    assert "<" not in rest
    assert ">" not in rest
    assert '"' not in rest
    plain = html.unescape(rest)
    assert all(one.isprintable() or one == "\n" for one in plain)
    assert all(unicodedata.category(one) not in ("Cf", "Cc", "Cs", "Co") or one == "\n" for one in plain)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>&'\"", "&lt;b&gt;&amp;&#39;&#34;"),
        ("a\u202eb", 'a<span class="hidden">\\u202e</span>b'),
        ("a\u3164b", 'a<span class="hidden">\\u3164</span>b'),
        ("\x1b[31m", '<span class="hidden">\\x1b</span>[31m'),
        ("one\ntwo", "one\ntwo"),
        (7, "7"),
    ],
)
def test_examples(text: object, shown: str) -> None:
    """Markup, direction marks, invisible letters, control characters, lines, numbers."""
    assert str(look.shown(text)) == shown


def test_names_may_end_a_line_behind_a_slash() -> None:
    """And are escaped all the same."""
    assert str(look.place("a/<b>/\u202e")) == 'a/<wbr>&lt;b&gt;/<wbr><span class="hidden">\\u202e</span>'


def test_times_are_said_to_the_second() -> None:
    """With the whole of it for machines; what is no time is a text like any other."""
    shown = str(look.moment("2026-11-24T13:21:05.123456Z"))
    assert shown == '<time datetime="2026-11-24T13:21:05.123456Z">2026-11-24 13:21:05 UTC</time>'
    assert "&#34;" in str(look.moment('"><script>'))


def test_issuers_are_offered_where_there_are_some() -> None:
    """Each by its name, with the way back."""
    shows = {"identity": None, "log": "desk.example/log", "after": '/interventions/1?why=a b&c="'}
    page = look.page("sign_in.html", "http://localhost:1", issuers=("corp/<b>",), **shows)
    text = bytes(page.body).decode()
    assert 'href="/v1/login/at/corp/%3Cb%3E?after=/interventions/1%3Fwhy%3Da%20b%26c%3D%22"' in text
    assert "Sign in at corp/&lt;b&gt;" in text
    assert "/v1/login/at/" not in bytes(look.page("sign_in.html", "", issuers=(), **shows).body).decode()


def test_pages_load_nothing_from_elsewhere() -> None:
    """No address of another host, no inline script and no inline style stands in any template, style or script."""
    folder = look.resources.files("byhand.ui")
    for part in ("templates", "assets"):
        for file in folder.joinpath(part).iterdir():
            text = file.read_text(encoding="utf-8")
            for name in ("https://byhand.dev/statement/", 'xmlns="http://www.w3.org/2000/svg"'):
                text = text.replace(name, "")
            assert re.findall(r"(?:https?:)?//[a-z0-9]+\.[a-z]+", text) == [], file.name
            assert not re.search(r"<script(?![^>]*src=)|<style|\bstyle=|\bon[a-z]+=", text), file.name
            assert "|safe" not in text
            assert "innerHTML" not in text
