"""What several tests share: small grids on embedded data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import cmkd_bench

QUICK = ("train.epochs=2", "launcher.checkpoint_seconds=0")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def quick_run(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Run a grid of two epochs on mfeat, pixels to fourier, one seed; anything can be overridden."""

    def run(**changes: Any) -> pd.DataFrame:
        arguments: dict[str, Any] = {
            "methods": ["kd"],
            "datasets": ["mfeat"],
            "pairs": ["pixels:fourier"],
            "seeds": 1,
            "overrides": QUICK,
            "experiment": "quick",
            "results": tmp_path / "results",
            "jobs": 1,
            "controls": False,
            "one_way": True,
            "quiet": True,
        }
        return cmkd_bench.run(**{**arguments, **changes})

    return run
