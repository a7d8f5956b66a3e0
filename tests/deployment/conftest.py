"""A small experiment with students of vectors, signals, images and texts, trained once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import cmkd_bench

PAIRS = ["pixels:fourier"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the experiment `fair` in results/."""
    made = tmp_path_factory.mktemp("deployed")
    asked: dict[str, Any] = {
        "seeds": 1, "overrides": ["train.epochs=2"], "experiment": "fair", "results": made / "results", "jobs": 1,
        "controls": False, "one_way": True, "quiet": True,
    }  # fmt: skip
    cmkd_bench.run(
        ["kd"], ["mfeat", "watch", "openmoji"], pairs=[*PAIRS, "accelerometer:gyroscope", "text:image", "image:text"],
        **asked,
    )  # fmt: skip
    cmkd_bench.run(["simkd"], ["mfeat"], pairs=PAIRS, **asked)
    return made
