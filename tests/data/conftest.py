"""A dataset of twelve samples with a vector, an image and a text; a preparation that is easy to reckon with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.dataset import Dataset, Modality, PairedData
from cmkd_bench.parameters import NoParameters

SMALL = Preparation(
    frames=4,
    height=16,
    width=24,
    sample_rate=8000,
    seconds=1.0,
    fill="zero",
    window="hann",
    n_fft=256,
    hop=128,
    centre=False,
    power=2.0,
    mels=0,
    log_offset=1e-6,
    clip_norm=False,
    spectrogram_type="float32",
)


class Tiny(Dataset[NoParameters]):
    """Its arrays are attributes, so that a test can change a row."""

    registry_name = "tiny"
    modalities = (
        Modality("vector", "vector", "four features"),
        Modality("image", "image", "noise"),
        Modality("text", "text", "words"),
    )
    classes = ("no", "yes")
    default_pairs = (("vector", "image"),)
    sources = ()
    task = "none"

    def __init__(self) -> None:
        super().__init__(NoParameters())
        rng = np.random.RandomState(0)
        self.inputs: dict[str, Any] = {
            "vector": rng.randn(12, 4) * 5 + 3,
            "image": rng.randint(0, 256, (12, 3, 2, 2)).astype(np.uint8),
            "text": np.array(["one two", "two one", "one", "two"] * 3),
        }
        self.inputs["vector"][:6, 3] = 7
        self.labels = np.arange(12) % 2
        self.sample_ids = np.array([f"t{row}" for row in range(12)])
        self.groups: np.ndarray | None = None

    def load(self, fold: int) -> PairedData:
        parts = {"train": np.arange(6), "validation": np.arange(6, 9), "test": np.arange(9, 12)}
        return PairedData(self.inputs, self.labels, parts, self.sample_ids, self.groups)


@pytest.fixture
def tiny() -> Tiny:
    return Tiny()


@pytest.fixture
def settings() -> Callable[..., Preparation]:
    """A preparation of small numbers, with changes."""
    return lambda **changes: dataclasses.replace(SMALL, **changes)
