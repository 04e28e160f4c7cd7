# SPDX-License-Identifier: Apache-2.0
"""One suite over every kind of probe that byhand ships: the same real thing read, changed, gone, broken."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from byhand import probes
from byhand.errors import Invalid, ProbeFailed
from byhand.probes.contract import Probe
from byhand.records import captured
from byhand.records.values import CapturedValue

VALUE = '{"max": 0.1000000000000000055, "name": "Zürich", "big": 18446744073709551616}'


@dataclass
class Reading:
    """A probe over a real file, and what breaks it."""

    probe: Probe
    write: Callable[[str], None]
    unreadable: Callable[[], None]


def _file(folder: Path) -> Reading:
    path = folder / "value.json"

    def broken() -> None:
        path.unlink()
        path.mkdir()

    return Reading(probes.open_probe(f"file:{path}"), lambda text: _written(path, text), broken)


def _command(folder: Path) -> Reading:
    path = folder / "value.json"
    code = f"import sys; sys.stdout.buffer.write(open({str(path)!r}, 'rb').read())"
    line = shlex.join([sys.executable, "-S", "-c", code])
    return Reading(probes.open_probe(f"command:{line}"), lambda text: _written(path, text), path.unlink)


def _callable(folder: Path) -> Reading:
    path = folder / "value.json"
    (folder / "thing_to_read.py").write_text(
        "import pathlib\nfrom byhand.records.captured import from_text\n"
        f"def value():\n    return from_text(pathlib.Path({str(path)!r}).read_text())\n"
    )
    return Reading(
        probes.open_probe("callable:thing_to_read:value"), lambda text: _written(path, text), path.unlink
    )


def _written(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


MAKERS = {"file": _file, "command": _command, "callable": _callable}


@pytest.fixture(params=[kind.scheme for kind in probes.BUILT_IN])
def reading(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """Every kind that is shipped; one without a maker here fails."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "thing_to_read", raising=False)
    reading = MAKERS[request.param](tmp_path)
    reading.write(VALUE)
    return reading


def test_a_probe_reads_character_for_character(reading: Reading) -> None:
    """What a probe reads is the source text itself, numbers and letters as written."""
    found = reading.probe.read()
    assert isinstance(found, CapturedValue)
    assert (found.form, found.media_type, found.text) == ("inline", captured.JSON, VALUE)


def test_a_probe_reads_anew_each_time(reading: Reading) -> None:
    """A probe never remembers: the second reading is of the value as it is then."""
    reading.probe.read()
    reading.write('"other"')
    assert reading.probe.read().text == '"other"'


def test_an_unreadable_value_is_a_failure(reading: Reading) -> None:
    """A value that cannot be read raises ProbeFailed with a cause; it is never reported as absent or null."""
    reading.unreadable()
    with pytest.raises(ProbeFailed) as failure:
        reading.probe.read()
    assert str(failure.value)


def test_a_large_value_becomes_a_reference(reading: Reading) -> None:
    """A value too large for a record is held by its digest and size."""
    reading.write('"' + "x" * 40_000 + '"')
    found = reading.probe.read()
    assert (found.form, found.size) == ("reference", 40_002)


@pytest.mark.parametrize("value", [1.5, None, ["a", {"b": True}], 10**30])
def test_a_declared_value_has_the_form_in_which_it_is_read(reading: Reading, value: object) -> None:
    """What is declared and what is then read are the same value, whatever the kind of probe."""
    declared = reading.probe.as_read(value)
    reading.write(declared.text or "")
    assert captured.same(reading.probe.read(), declared)


def test_a_probe_says_how_it_compares(reading: Reading) -> None:
    """Nothing shipped so far can compare and change in one step, and none claims to."""
    assert reading.probe.comparison == "checked"
    assert isinstance(reading.probe, Probe)


@pytest.mark.parametrize("kind", probes.BUILT_IN, ids=lambda kind: kind.scheme)
def test_an_empty_address_is_refused(kind: type[probes.ProbeKind]) -> None:
    """An address that names nothing is refused with advice, before anything is read."""
    with pytest.raises(Invalid) as refusal:
        kind.from_address("")
    assert all(fault.advice for fault in refusal.value.faults)


@pytest.mark.parametrize("address", ["", "limits.yaml", "ftp:/etc/x", "file", ":x", "file:" + "x" * 5_000])
def test_an_unknown_kind_is_refused(address: str) -> None:
    """An address of no known kind, or of no sensible length, is refused naming the kinds there are."""
    with pytest.raises(Invalid, match="address of a probe"):
        probes.open_probe(address)


def test_kinds_of_other_packages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package offers a kind under the entry point group; what byhand ships cannot be replaced by one."""
    (tmp_path / "offered_probe.py").write_text(
        "from byhand.probes.callable import CallableProbe\n"
        "class Offered(CallableProbe):\n"
        "    @classmethod\n"
        "    def from_address(cls, address): return cls(lambda: address)\n"
    )
    info = tmp_path / "offered-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[byhand.probes]\noffered = offered_probe:Offered\nfile = offered_probe:Offered\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert probes.open_probe("offered:hello").read().text == '"hello"'
    assert probes.kinds()["file"] is probes.file.FileProbe


def test_only_files_may_be_read_by_others_than_the_client() -> None:
    """Commands and functions run in the person's own process only."""
    assert [kind.scheme for kind in probes.BUILT_IN if not kind.client_only] == ["file"]
    assert probes.is_client_only("command:true")
    assert not probes.is_client_only("file:/etc/x.json")
