"""Decide whether a published experiment is reproduced, by the rule in its preset.

A claim *holds* if the 95 % interval of the difference lies entirely on the claimed side, *fails* if it lies entirely
on the other side, and is *undecided* otherwise; more draws may then decide it. A source is *reproduced* if all claims
about it hold and all of its numbers are within the tolerance, *trend only* if just the claims hold, and *not
reproduced* otherwise. A claim along the axis is about every source; a claim at a point is about the sources with a
number there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cmkd_bench.studies.intervals import Interval, mean_interval, slope_interval
from cmkd_bench.studies.preset import Claim, Preset, PublishedSource

ClaimOutcome = Literal["holds", "undecided", "fails"]
Verdict = Literal["reproduced", "trend only", "not reproduced"]
MeasuredCurves = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Judged:
    """A claim, the interval that decides it, and the outcome."""

    claim: Claim
    interval: Interval
    outcome: ClaimOutcome


@dataclass(frozen=True)
class Levels:
    """The distance of the measured means from a source's numbers."""

    source: PublishedSource  # the published numbers
    worst: float  # the largest distance, in points
    where: str  # its row and point
    count: int  # how many numbers are compared
    within: int  # how many of them are within the tolerance
    verdict: Verdict  # the verdict on the source
    claims: tuple[Judged, ...]  # the claims about the source


def judge(preset: Preset, curves: MeasuredCurves) -> tuple[list[Judged], list[Levels]]:
    """Judge all claims and return them with a verdict on each source.

    Args:
        curves: by row, (points, draws) in percent.
    """
    claims = [_judge_claim(claim, preset, curves) for claim in preset.claims]
    return claims, [_levels(source, preset, curves, claims) for source in preset.sources]


def _judge_claim(claim: Claim, preset: Preset, curves: MeasuredCurves) -> Judged:
    difference = curves[claim.row] - curves[claim.minus]
    if claim.expect in ("rising", "falling"):
        interval = slope_interval([point.x for point in preset.points if point.x is not None], difference)
    else:
        labels = [point.label for point in preset.points]
        interval = mean_interval(difference[labels.index(claim.at)])
    return Judged(claim, interval, _outcome(claim, interval))


def _outcome(claim: Claim, interval: Interval) -> ClaimOutcome:
    if claim.expect == "small":
        holds = -claim.limit < interval.low and interval.high < claim.limit
        fails = interval.low >= claim.limit or interval.high <= -claim.limit
    else:
        above, below = interval.low > 0, interval.high < 0
        holds, fails = (above, below) if claim.expect in ("positive", "rising") else (below, above)
    return "holds" if holds else "fails" if fails else "undecided"


def _levels(source: PublishedSource, preset: Preset, curves: MeasuredCurves, claims: Sequence[Judged]) -> Levels:
    distances = {
        f"{row} at {point.label}": float(curves[row][place].mean() - published)
        for row, values in source.values.items()
        for place, (point, published) in enumerate(zip(preset.points, values, strict=True))
        if published is not None
    }
    where = max(distances, key=lambda key: abs(distances[key]))
    within = sum(abs(distance) <= source.tolerance for distance in distances.values())
    concerning = tuple(one for one in claims if one.claim.at in ("", *_places(source, preset)))
    verdict: Verdict = "not reproduced"
    if all(one.outcome == "holds" for one in concerning):
        verdict = "reproduced" if within == len(distances) else "trend only"
    return Levels(source, distances[where], where, len(distances), within, verdict, concerning)


def _places(source: PublishedSource, preset: Preset) -> list[str]:
    """List the points at which a source has a number."""
    columns = zip(*source.values.values(), strict=True)
    return [
        point.label
        for point, column in zip(preset.points, columns, strict=True)
        if any(value is not None for value in column)
    ]
