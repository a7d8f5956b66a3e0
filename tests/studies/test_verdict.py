"""The rule: what holds, what is undecided, and which of the three verdicts follows."""

from __future__ import annotations

import numpy as np
import pytest

from cmkd_bench.errors import UnknownName
from cmkd_bench.registry import datasets, methods
from cmkd_bench.studies.preset import (
    Block,
    Claim,
    Point,
    Preset,
    PublishedSource,
    ReproductionRow,
    load_preset,
    preset_names,
)
from cmkd_bench.studies.verdict import judge

NOISE = np.array([-0.2, 0.1, 0.1, 0.0])


def preset(*claims: Claim, published: float = 50.0) -> Preset:
    return Preset(
        name="toy",
        title="",
        paper="",
        dataset="gaussian",
        pair="x1:x2",
        draws=4,
        axis="",
        crossing=(),
        overrides=(),
        deviations=(),
        blocks={"all": Block(("kd",))},
        rows={"none": ReproductionRow("all", "none"), "kd": ReproductionRow("all", "kd")},
        points=(Point("a", 0.0), Point("b", 1.0)),
        claims=claims,
        sources=(PublishedSource("paper", 1.0, "", {"none": [published, None]}),),
    )


def curves(*gains: float) -> dict[str, np.ndarray]:
    none = np.full((2, 4), 50.0)
    return {"none": none, "kd": none + np.array(gains)[:, None] + NOISE}


def claim(expect: str, at: str = "", limit: float = 0.0) -> Claim:
    return Claim("it does", "kd", "none", expect, at, limit)


@pytest.mark.parametrize(
    ("expect", "at", "gains", "outcome"),
    [
        ("positive", "a", (1.0, 0.0), "holds"),
        ("positive", "b", (1.0, 0.0), "undecided"),
        ("positive", "a", (-1.0, 0.0), "fails"),
        ("negative", "a", (-1.0, 0.0), "holds"),
        ("negative", "a", (1.0, 0.0), "fails"),
        ("rising", "", (0.0, 1.0), "holds"),
        ("falling", "", (0.0, 1.0), "fails"),
        ("small", "a", (0.4, 9.0), "holds"),
        ("small", "b", (0.0, 0.9), "undecided"),
        ("small", "b", (0.0, 5.0), "fails"),
    ],
)
def test_an_interval_decides_a_claim(expect: str, at: str, gains: tuple[float, float], outcome: str) -> None:
    if expect in ("rising", "falling"):
        measured = {**curves(*gains)}
        measured["kd"] = measured["kd"] + np.array([[0.0], [1.0]]) * NOISE
    else:
        measured = curves(*gains)
    (judged,), _ = judge(preset(claim(expect, at, 1.0)), measured)
    assert judged.outcome == outcome


@pytest.mark.parametrize(
    ("gain", "published", "verdict"),
    [
        (1.0, 50.5, "reproduced"),
        (1.0, 52.0, "trend only"),
        (0.0, 50.5, "not reproduced"),
        (-1.0, 50.5, "not reproduced"),
    ],
)
def test_the_verdict_follows_from_claims_and_levels(gain: float, published: float, verdict: str) -> None:
    _, (levels,) = judge(preset(claim("positive", "a"), published=published), curves(gain, 0.0))
    assert levels.verdict == verdict
    assert levels.count == 1
    assert levels.worst == pytest.approx(50 - published)
    assert levels.where == "none at a"


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_names_what_there_is(name: str) -> None:
    found = load_preset(name)
    labels = [point.label for point in found.points]
    assert len(set(labels)) == len(labels)
    assert found.draws <= datasets.get(found.dataset).folds
    assert all(row.grid in found.blocks for row in found.rows.values())
    assert all(method in methods.names() for block in found.blocks.values() for method in block.methods)
    for row in found.rows.values():
        assert row.of in ("teacher", "none", *found.blocks[row.grid].methods)
    for one in found.claims:
        assert {one.row, one.minus} <= set(found.rows)
        assert one.expect in ("positive", "negative", "small", "rising", "falling")
        assert (one.at in labels) != (one.expect in ("rising", "falling"))
    for source in found.sources:
        assert set(source.values) <= set(found.rows)
        assert all(len(values) == len(labels) for values in source.values.values())
    assert all(set(point.grids) <= set(found.blocks) for point in found.points)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'mfh-gamma'"):
        load_preset("mfh-gama")
