"""`prepare --check` finds nothing on data that nobody has touched, for every dataset that can be prepared."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmkd_bench.cli.prepare import _media_names
from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.roots import Roots
from cmkd_bench.data.media.catalogue import Skipped
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.media.prepared import row_moments
from cmkd_bench.data.media.preparing.pipeline import check_prepared, prepare_dataset
from cmkd_bench.data.media.preparing.progress import PreparationDisplay
from cmkd_bench.data.media.preparing.skipped import count_reasons
from cmkd_bench.data.opening import open_configured
from cmkd_bench.registry import datasets

CLIPS = 24


def opened(name: str, prepared: Path) -> MediaDataset[Any]:
    """The dataset with the settings of the default protocol, but small frames."""
    configuration, problems = compose(parse_overrides(["prepare.height=32", "prepare.width=32"]), name)
    assert configuration is not None, problems
    dataset = open_configured(name, configuration, {}, Roots.read(None, prepared))
    assert isinstance(dataset, MediaDataset)
    return dataset


@pytest.mark.parametrize("name", [name for name in _media_names() if name != "filmed"])
def test_a_check_of_untouched_data_is_silent(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    cls: Any = datasets.get(name)
    cls.write_fixture(folder, CLIPS, np.random.default_rng(0))
    dataset, display = opened(name, tmp_path / "prepared"), PreparationDisplay(None)
    report = prepare_dataset(dataset, folder, 1, display)
    assert report.usable
    assert check_prepared(dataset, display) == []


@pytest.mark.parametrize("kind", ["spectrogram", "image", "video", "depth", "signal", "vector"])
@pytest.mark.parametrize("stored", [np.float16, np.float32])
def test_sums_do_not_depend_on_how_an_array_lies_in_memory(kind: str, stored: Any) -> None:
    shape = {"video": (3, 3, 37, 41), "signal": (6, 997), "vector": (61,)}.get(kind, (3, 157, 131))
    row = np.random.default_rng(0).normal(1.0, 3.0, shape).astype(stored)
    expected = row_moments(row, kind)
    for axes in (tuple(reversed(range(row.ndim))), (*range(row.ndim - 2), row.ndim - 1, row.ndim - 2)[-row.ndim :]):
        other = np.ascontiguousarray(row.transpose(axes)).transpose(np.argsort(axes))
        assert np.array_equal(other, row)
        assert np.array_equal(row_moments(other, kind), expected)


def test_a_file_that_two_modalities_share_is_missing_once() -> None:
    both = [
        Skipped(f"s{row}", modality, f"{row}.mp4", "missing") for row in range(3) for modality in ("audio", "video")
    ]
    sound = Skipped("s9", "audio", "9.mp4", "truncated: sound ends at 1.0 s of 9.0 s")
    picture = dataclasses.replace(sound, modality="video", reason="truncated: frames end at 1.1 s of 9.0 s")
    apart = [Skipped("s8", "rgb", "8.jpg", "missing"), Skipped("s8", "depth", "8.png", "missing")]
    assert count_reasons([*both, sound, picture, *apart]) == {"missing": 5, "truncated": 2}
