"""The published numbers of every downloaded dataset fit its parts, classes, and options."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.dataset import PARTS
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import describe
from cmkd_bench.registry import datasets

BUILT_IN = {name: datasets.get(name) for name in datasets.names()}
NAMES = [
    name
    for name, cls in BUILT_IN.items()
    if issubclass(cls, MediaDataset) and cls.__module__ == f"cmkd_bench.datasets.{name}"
]


def variants(cls: Any) -> list[Any]:
    """The dataset with every combination of options that it allows."""
    axes = {one.name: one.choices for one in describe(cls.Options) if one.choices}
    found = []
    for values in itertools.product(*axes.values()):
        try:
            found.append(cls(cls.Options(**dict(zip(axes, values, strict=True)))))
        except UserError:  # two options that exclude each other
            continue
    return found


@pytest.mark.parametrize("name", NAMES)
def test_published_numbers_of_all_options(name: str) -> None:
    cls: Any = datasets.get(name)
    assert cls(cls.Options()).official() is not None
    for official in filter(None, (one.official() for one in variants(cls))):
        assert [part for key in official.samples for part in key.split("+")] == [
            part for part in PARTS if any(part in key.split("+") for key in official.samples)
        ]
        assert {"train", "test"} <= {part for key in official.samples for part in key.split("+")}
        for part, classes in official.classes.items():
            assert sum(classes.values()) == official.samples[part]
