"""The tests' dataset of films on disk, and a place for its arrays."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.config.roots import PREPARED_ROOT, Roots
from cmkd_bench.data.media.preparing.pipeline import Report, prepare_dataset
from cmkd_bench.data.media.preparing.progress import PreparationDisplay
from cmkd_bench.registry import datasets, load_plugin

load_plugin(Path(__file__).parent.parent / "plugins" / "filmed.py")
SAMPLES = 18
SMALL = Preparation(
    frames=3,
    height=16,
    width=24,
    sample_rate=8000,
    seconds=0.8,
    fill="tile",
    window="hann",
    n_fft=256,
    hop=128,
    centre=False,
    power=2.0,
    mels=16,
    log_offset=1e-6,
    clip_norm=False,
    spectrogram_type="float16",
)


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "Filmed"
    folder.mkdir()
    filmed: Any = datasets.get("filmed")
    filmed.write_fixture(folder, SAMPLES, np.random.default_rng(0))
    return folder


@pytest.fixture
def films(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "data" / "Filmed"))


@pytest.fixture
def arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the prepared arrays go."""
    monkeypatch.setenv(PREPARED_ROOT, str(tmp_path / "arrays"))
    return tmp_path / "arrays"


@pytest.fixture
def filmed() -> Callable[..., Any]:
    """The dataset, with changes of its preparation."""
    cls: Any = datasets.get("filmed")

    def make(note: str = "", **changes: Any) -> Any:
        dataset = cls(cls.Options(note=note), dataclasses.replace(SMALL, **changes))
        dataset.roots = Roots.read()
        return dataset

    return make


@pytest.fixture
def prepare(films: Path, arrays: Path, filmed: Any) -> Callable[..., Report]:
    """Prepare the films without a display."""

    def run(dataset: Any = None, workers: int = 1, **how: bool) -> Report:
        return prepare_dataset(dataset or filmed(), films, workers, PreparationDisplay(None), **how)

    return run
