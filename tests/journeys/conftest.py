# SPDX-License-Identifier: Apache-2.0
"""What the stories need: the Python beside the real engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from byhand.demo import engines
from byhand.errors import EngineUnavailable


@pytest.fixture(scope="session")
def engine_python() -> Path:
    """The Python beside the real engine; built when it is not in the cache yet."""
    return ensured("nautilus")


@pytest.fixture(scope="session")
def buildbot_python() -> Path:
    """The Python beside Buildbot; built when it is not in the cache yet."""
    return ensured("buildbot")


def ensured(name: str) -> Path:
    """An engine's Python; where it cannot be had, a failure in CI and a skip elsewhere."""
    try:
        return engines.ensure(name, show=print)
    except EngineUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{error}. {error.advice}")
