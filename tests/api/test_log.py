# SPDX-License-Identifier: Apache-2.0
"""The log under /log/: any verifier of tlog-tiles reads it, caches what never changes, and finds it sound."""

from __future__ import annotations

import json

import httpx
import pytest
from real_server import Client, Server, other

from byhand.log import checkpoint as checkpoints, note as notes, tiles


@pytest.fixture
def grown(server: Server, ada: Client) -> int:
    """Something more happened; how many entries the newest checkpoint covers then."""
    with ada.act(other(server.state())):
        server.state(other(server.state()))
    return int(checkpoints.parse(notes.parse(ada.log.checkpoint()).text).size)


def test_the_served_log_is_sound_for_whoever_remembers_it(server: Server, grown: int) -> None:
    """``byhand verify URL`` reads checkpoint, entries and tiles, and says what a server does not show."""
    report = json.loads(server.byhand("verify", f"{server.url}/log/", "--output", "json"))
    assert (report["verdict"], report["size"]) == ("sound", grown)
    assert any("sealed payloads are not shown here" in note for note in report["notes"])


def test_a_stranger_is_told_that_the_signer_is_not_authenticated(
    server: Server, grown: int, tmp_path: object
) -> None:
    """Without memory or policy: consistent, exit code 1, and nothing is called tampering."""
    own = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    said = server.byhand("verify", f"{server.url}/log/", "--output", "json", code=1, **own)
    report = json.loads(said)
    assert (report["verdict"], report["tampered"]) == ("consistent; signer not authenticated", False)


def test_what_never_changes_may_be_kept_and_the_checkpoint_must_be_asked_for(
    server: Server, grown: int
) -> None:
    """Tiles are immutable for caches; the checkpoint is not."""
    width = grown % tiles.TILE_WIDTH
    tile = httpx.get(f"{server.url}/log/{tiles.tile_path(0, 0, width)}")
    entries = httpx.get(f"{server.url}/log/{tiles.entries_path(0, width)}")
    checkpoint = httpx.get(f"{server.url}/log/checkpoint")
    assert len(tile.content) == width * 32
    assert len(tiles.decode_bundle(entries.content)) == width
    assert "immutable" in tile.headers["cache-control"]
    assert "immutable" in entries.headers["cache-control"]
    assert checkpoint.headers["cache-control"] == "no-cache"


def test_nothing_behind_the_published_checkpoint_is_shown(server: Server, grown: int) -> None:
    """A tile that no checkpoint speaks of yet, an empty one, or a path of another form: 404, in the problem form."""
    for path in (
        tiles.tile_path(0, 0, tiles.TILE_WIDTH),
        tiles.tile_path(3, 0, tiles.TILE_WIDTH),
        tiles.entries_path(1, 1),
        "tile/0/000.p/0",
        "tile/0/0",
        "tile/entries/../../byhand.toml",
        "tile/0/000.p/257",
        "tile/9/000",
    ):
        answer = httpx.get(f"{server.url}/log/{path}")
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


def test_consistency_is_proven_between_any_two_sizes(server: Server, ada: Client, grown: int) -> None:
    """And refused, with the fault named, for sizes that cannot be."""
    assert ada.log.consistency(1, grown)
    for words in ("old=0&new=2", "old=3&new=2", "old=1", "old=x&new=2"):
        answer = httpx.get(f"{server.url}/v1/log/consistency?{words}")
        assert answer.status_code == 400, words
    assert httpx.get(f"{server.url}/v1/log/consistency?old=1&new={grown + 1000}").status_code == 404
