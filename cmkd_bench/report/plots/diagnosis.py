"""How teacher and student of a pair relate: who is right, ranks of the logits, parts of the loss, similarity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cmkd_bench.diagnostics.collect import Diagnosed
from cmkd_bench.experiment.label_budget import block_stem
from cmkd_bench.report.plots.picture import Picture, file_stem, new_figure, shorten_apart
from cmkd_bench.report.plots.plot_data import plural
from cmkd_bench.report.plots.style import BLACK, COLORS, GRAY, HATCHES, styled

SHARES = {
    "both_right": ("both right", "#bfbfbf"),
    "teacher_only": ("only the teacher", COLORS[0]),
    "student_only": ("only the student", COLORS[4]),
    "both_wrong": ("both wrong", "#ffffff"),
}
PARTS = {"tckd": ("target (TCKD)", COLORS[5]), "nckd_weighted": ("others ((1 - p) NCKD)", COLORS[1])}
SIMILARITIES: dict[str, tuple[str, dict[str, Any]]] = {
    "agreement": ("agreement", {"marker": "o", "color": BLACK}),
    "kappa": ("Cohen's κ", {"marker": "D", "color": BLACK, "markerfacecolor": "white"}),
    "cka": ("linear CKA", {"marker": "s", "color": BLACK}),
    "cka_by_chance": ("CKA by chance", {"marker": "|", "color": GRAY, "markersize": 8}),
}
OUTLINE: dict[str, Any] = {"edgecolor": BLACK, "linewidth": 0.5}
Numbers = Sequence[Mapping[str, float]]  # of each method, by quantity


@styled()
def plot_diagnosis(found: Sequence[Diagnosed], temperature: float, marks: Sequence[str] = ()) -> Picture:
    """Plot one picture of a direction, with a row per method."""
    first = found[0].cell
    groups: dict[str, list[Diagnosed]] = {}
    for one in found:
        groups.setdefault(one.cell.name, []).append(one)
    rows = [[one.diagnosis.numbers for one in group] for group in groups.values()]
    numbers = [{name: float(np.mean([row[name] for row in group])) for name in group[0]} for group in rows]
    title = f"How teacher and student relate: {first.block}, {first.teacher_modality} → {first.student_modality}"
    title += f" ({'; '.join(marks)})" if marks else ""
    figure, body = new_figure(title, _note(found, temperature), 0.9 + 0.42 * len(groups), legend=_legend())
    axes: Any = body.subplots(1, 4, sharey=True, width_ratios=[1.25, 1, 1, 1])
    _plot_bars(axes[0], numbers, SHARES, "who is right (%)")
    _plot_correlations(axes[1], list(groups.values()))
    _plot_bars(axes[2], numbers, PARTS, "KL(teacher ‖ student) (nats)")
    _plot_similarities(axes[3], numbers)
    axes[0].set_yticks(range(len(groups)), shorten_apart([*groups], 1.1))
    axes[0].set_ylim(len(groups) - 0.45, -0.55)
    for ax in axes:
        ax.tick_params(axis="y", length=0)
    name = file_stem(
        "diagnosis", block_stem(first.dataset, first.labels), first.teacher_modality, first.student_modality
    )
    return Picture(name, title, figure)


def _plot_bars(ax: Axes, numbers: Numbers, parts: Mapping[str, tuple[str, str]], label: str) -> None:
    for y, values in enumerate(numbers):
        left = 0.0
        for hatch, (name, (_, color)) in zip(HATCHES, parts.items()):
            ax.barh(y, values[name], 0.6, left=left, color=color, hatch=hatch, **OUTLINE)
            left += values[name]
    ax.set_xlabel(label)


def _plot_correlations(ax: Axes, groups: Sequence[Sequence[Diagnosed]]) -> None:
    """Plot the distribution over the samples of all seeds."""
    for y, group in enumerate(groups):
        values = np.concatenate([one.diagnosis.correlations for one in group])
        values = values[~np.isnan(values)]
        if len(values):
            sns.violinplot(
                x=values, y=np.full(len(values), y), orient="h", native_scale=True, cut=0, inner=None, width=0.8,
                color="#d0d0d0", linecolor=BLACK, linewidth=0.6, legend=False, ax=ax,
            )  # fmt: skip
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            ax.plot([low, high], [y, y], color=BLACK, linewidth=2.2, label="quartiles")
            ax.plot([middle], [y], "o", color=BLACK, markerfacecolor="white", markersize=3.5, label="median")
    ax.set(xlim=(-1, 1), xticks=[-1, 0, 1], xlabel="rank correlation (τ)", ylabel="")
    ax.grid(axis="x")


def _plot_similarities(ax: Axes, numbers: Numbers) -> None:
    for y, values in enumerate(numbers):
        for shift, (name, (_, mark)) in zip((-0.2, 0.0, 0.2, 0.2), SIMILARITIES.items()):
            value = values[name] / 100 if name == "agreement" else values[name]
            ax.plot([value], [y + shift], label=name, **{"markersize": 4, **mark})
    ax.set(xlim=(np.nanmin([0.0, *(values["kappa"] for values in numbers)]) - 0.04, 1.04), xlabel="similarity")
    ax.grid(axis="x")


def _legend() -> dict[str, Artist]:
    parts = [*zip(HATCHES, SHARES.values()), *zip(HATCHES, PARTS.values())]
    bars: dict[str, Artist] = {label: Patch(facecolor=color, hatch=hatch, **OUTLINE) for hatch, (label, color) in parts}
    return bars | {label: Line2D([], [], linestyle="", **mark) for label, mark in SIMILARITIES.values()}


def _note(found: Sequence[Diagnosed], temperature: float) -> str:
    seeds, samples = len({one.cell.seed for one in found}), len(found[0].diagnosis.correlations)
    return (
        f"Test part of {samples} samples, n = {plural(seeds, 'seed')}; bars and markers: means. "
        "Rank correlation: Kendall's τ-b between the logits of single samples (gray: distribution; stroke: quartiles; "
        f"ring: median). Loss at temperature {temperature:g}. By chance: CKA of samples paired at random."
    )
