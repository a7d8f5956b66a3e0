"""Every built-in dataset through the tests that third parties use; the downloadable ones on their miniatures."""

from __future__ import annotations

import pytest

from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.registry import datasets
from cmkd_bench.testing import DatasetConformance

QUICK = ("mfeat", "gaussian")  # one with recipes and one with options

for name in datasets.names():
    marks = [] if name in QUICK else [pytest.mark.slow]
    globals()[f"Test_{name}"] = type(f"Test_{name}", (DatasetConformance,), {"dataset": name, "pytestmark": marks})


class TestAlpha(DatasetConformance):
    dataset = "gaussian"
    options = {"alpha": 0.5}


def test_downloadable_datasets_are_among_them() -> None:
    assert any(issubclass(datasets.get(name), MediaDataset) for name in datasets.names())
