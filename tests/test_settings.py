# SPDX-License-Identifier: Apache-2.0
"""Settings: file below environment, bounds kept, every fault at once, no secret taken as a value."""

from __future__ import annotations

import tomllib

import pytest

from byhand import settings
from byhand.errors import Invalid


def test_defaults_stand_alone() -> None:
    """No file and no variable is a working home."""
    assert settings.parse({}, {}) == settings.Settings()


def test_the_environment_stands_above_the_file() -> None:
    """Name by name."""
    document = tomllib.loads("[gate]\npermit_seconds = 60\nintent_seconds = 900\n[log]\nml_dsa = true\n")
    chosen = settings.parse(document, {"BYHAND_GATE__PERMIT_SECONDS": "30", "PATH": "/usr/bin"})
    assert (chosen.gate.permit_seconds, chosen.gate.intent_seconds, chosen.log.ml_dsa) == (30, 900, True)


def test_every_fault_is_named_at_once() -> None:
    """A person corrects the file once, not six times."""
    document = tomllib.loads(
        "colour = 'red'\n[gate]\npermit_seconds = 601\nintent_seconds = 'long'\n"
        "[log]\nml_dsa = 'maybe'\ncheckpoint_second = 1\n[anchor]\nfolder = 3\n[sink]\nurl = 'x'\n"
    )
    with pytest.raises(Invalid) as refused:
        settings.parse(document, {"BYHAND_LOG__CHECKPOINT_SECONDS": "-1"})
    assert {fault.pointer for fault in refused.value.faults} == {
        "/colour",
        "/gate/permit_seconds",
        "/gate/intent_seconds",
        "/log/ml_dsa",
        "/log/checkpoint_second",
        "/anchor/folder",
        "/sink/url",
        "BYHAND_LOG__CHECKPOINT_SECONDS",
    }


@pytest.mark.parametrize("name", sorted(settings.BOUNDS))
def test_bounds_hold_at_both_ends(name: str) -> None:
    """The ends are good, one beyond is not."""
    section, key = name.split(".")
    low, high = settings.BOUNDS[name]
    for value in (low, high):
        chosen = settings.parse({section: {key: value}}, {})
        assert getattr(getattr(chosen, section), key) == value
    for value in (low - 1, high + 1, 10.5, True, "²"):
        with pytest.raises(Invalid):
            settings.parse({section: {key: value}}, {})


@pytest.mark.parametrize("variable", sorted(settings.BESIDE_THE_SETTINGS))
def test_variables_for_people_are_no_settings(variable: str) -> None:
    """``BYHAND_HOME`` and its like choose where to look, not how the log behaves."""
    assert settings.parse({}, {variable: "anything"}) == settings.Settings()
