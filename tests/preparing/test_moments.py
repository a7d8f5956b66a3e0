"""Sums per row: which axis is the channel, and that unknown depth does not count."""

from __future__ import annotations

import numpy as np
import pytest

from cmkd_bench.data.media.prepared import row_moments


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        ("vector", [1.0, -2.0], [[1, 1, 1], [-2, 4, 1]]),
        ("signal", [[1.0, 2.0, 3.0], [0.0, 0.0, -1.0]], [[6, 14, 3], [-1, 1, 3]]),
        ("spectrogram", [[[1.0, 2.0], [3.0, 4.0]]], [[10, 30, 4]]),
        ("image", [[[1, 2]], [[3, 4]], [[0, 255]]], [[3, 5, 2], [7, 25, 2], [255, 65025, 2]]),
        ("depth", [[[0, 1500], [500, 0]]], [[2000, 2500000, 2]]),
        ("depth", [[[0, 0]]], [[0, 0, 0]]),
        # two frames of three channels of one pixel
        ("video", [[[[1]], [[2]], [[3]]], [[[4]], [[5]], [[6]]]], [[5, 17, 2], [7, 29, 2], [9, 45, 2]]),
    ],
)
def test_sums(kind: str, row: list[object], expected: list[list[float]]) -> None:
    stored = {"depth": np.int16, "image": np.uint8, "video": np.uint8, "spectrogram": np.float16}.get(kind, np.float32)
    sums = row_moments(np.array(row, stored), kind)
    assert sums.dtype == np.float64
    assert sums.tolist() == expected
