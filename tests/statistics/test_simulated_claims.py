"""The simulation of marks: its noise, its nulls and gains, and that the documented figures are what it makes."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "statistics.md"
with pytest.MonkeyPatch.context() as patch:  # the benchmarks are a package of the repository, not an installed one
    patch.syspath_prepend(ROOT)
    claims = importlib.import_module("benchmarks.claims")


def test_gains_vary_over_seeds_as_measured() -> None:
    world = claims._world([0.0, 0.0])
    variances = []
    for repeat in range(100):
        values = 100 * world.draw(5, claims.SAMPLES, np.random.default_rng(repeat)).mean(2)
        variances.append((values[:, 1] - values[:, 0]).var(ddof=1))
    assert np.mean(variances) ** 0.5 == pytest.approx(3.4, abs=0.3)


def test_the_rows_of_a_table_gain_what_they_should() -> None:
    world = claims._world([0.0, 10.0, 0.0])
    drawn = [world.draw(5, 2000, np.random.default_rng(repeat)).mean((0, 2)) for repeat in range(100)]
    assert 100 * np.mean(drawn, 0) == pytest.approx([62, 72, 62], abs=0.7)


def test_a_large_gain_is_marked_and_marks_of_the_others_are_false() -> None:
    found = np.array([claims.marked(6, 1, 10, 20, repeat) for repeat in range(20)])
    assert found[:, 2].mean() == 1.0
    assert found[:, :2].sum() <= 4  # of 40 statements about rows without a gain


def test_the_documented_figures_are_those_of_the_command() -> None:
    documented = DOCS.read_text(encoding="utf-8").splitlines()
    head, rule, row, _, footnote = claims.lines(200, (3,), ((6, 1),))
    assert all(line in documented for line in (head, rule, row, footnote))
