"""How teacher and student of a pair relate: who is right, ranks of the logits, parts of the loss, similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cmkd_bench.diagnostics.collect import Diagnosed
from cmkd_bench.report.plots.page import Picture, file_stem, sheet, shorten
from cmkd_bench.report.plots.style import BLACK, COLOURS, GREY, HATCHES, SMALL, styled

ROW, NAME = 0.42, 1.1  # inches
SHARES = {
    "both_right": ("both right", "#bfbfbf"),
    "teacher_only": ("only the teacher", COLOURS[0]),
    "student_only": ("only the student", COLOURS[4]),
    "both_wrong": ("both wrong", "#ffffff"),
}
PARTS = {"tckd": ("target (TCKD)", COLOURS[5]), "nckd_weighted": ("others ((1 - p) NCKD)", COLOURS[1])}
SIMILAR = {"agreement": ("agreement", "o", True), "kappa": ("Cohen's κ", "D", False), "cka": ("linear CKA", "s", True)}


def picture(found: Sequence[Diagnosed], temperature: float, marks: Sequence[str] = ()) -> Picture:
    """One sheet for a direction, a row per method; `marks` is what its numbers must not be read without."""
    first = found[0].cell
    methods = list(dict.fromkeys(one.cell.method for one in found))
    groups = {method: [one for one in found if one.cell.method == method] for method in methods}
    title = f"How teacher and student relate: {first.dataset}, {first.teacher_modality} → {first.student_modality}"
    title += f" ({'; '.join(marks)})" if marks else ""
    with styled():
        figure, body = sheet(title, _note(found, temperature), 1.25 + ROW * len(methods))
        axes: Any = body.subplots(1, 4, sharey=True, width_ratios=[1.25, 1, 1, 1])
        numbers = {method: _means(group) for method, group in groups.items()}
        _stacked(axes[0], numbers, SHARES, "who is right (%)")
        _correlations(axes[1], groups)
        _stacked(axes[2], numbers, PARTS, "KL(teacher ‖ student) (nats)")
        _similarities(axes[3], numbers)
        axes[0].set_yticks(range(len(methods)), [shorten(method, NAME) for method in methods])
        axes[0].set_ylim(len(methods) - 0.45, -0.55)
        for ax in axes:
            ax.tick_params(axis="y", length=0)
        _legend(body)
    return Picture(file_stem("diagnosis", first.dataset, first.teacher_modality, first.student_modality), title, figure)


def _means(group: Sequence[Diagnosed]) -> dict[str, float]:
    rows = [one.diagnosis.numbers() for one in group]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _stacked(ax: Axes, numbers: dict[str, dict[str, float]], parts: dict[str, tuple[str, str]], label: str) -> None:
    for y, values in enumerate(numbers.values()):
        left = 0.0
        for hatch, (name, (_, colour)) in zip(HATCHES, parts.items()):
            ax.barh(y, values[name], 0.6, left=left, color=colour, hatch=hatch, edgecolor=BLACK, linewidth=0.5)
            left += values[name]
    ax.set_xlabel(label)


def _correlations(ax: Axes, groups: dict[str, list[Diagnosed]]) -> None:
    """The samples of all seeds together."""
    for y, group in enumerate(groups.values()):
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
    ax.set_xlim(-1, 1)
    ax.set_xticks([-1, 0, 1])
    ax.set_xlabel("rank correlation (τ)")
    ax.set_ylabel("")
    ax.grid(axis="x")


def _similarities(ax: Axes, numbers: dict[str, dict[str, float]]) -> None:
    ax.grid(axis="x")
    for y, values in enumerate(numbers.values()):
        ax.plot([values["cka_by_chance"]], [y + 0.2], "|", color=GREY, markersize=8, label="by chance")
        for shift, (name, (_, marker, filled)) in zip((-0.2, 0.0, 0.2), SIMILAR.items()):
            value = values[name] / 100 if name == "agreement" else values[name]
            face = BLACK if filled else "white"
            ax.plot([value], [y + shift], marker, color=BLACK, markerfacecolor=face, markersize=4, label=name)
    low = min(values["kappa"] for values in numbers.values())
    ax.set_xlim(min(0.0, low if low == low else 0.0) - 0.04, 1.04)
    ax.set_xlabel("similarity")


def _legend(body: SubFigure) -> None:
    bars = [
        (Patch(facecolor=colour, hatch=hatch, edgecolor=BLACK, linewidth=0.5), text)
        for part in (SHARES, PARTS)
        for hatch, (text, colour) in zip(HATCHES, part.values())
    ]
    marks = [
        (Line2D([], [], linestyle="", marker=marker, color=BLACK, markerfacecolor=BLACK if filled else "white"), text)
        for text, marker, filled in SIMILAR.values()
    ]
    marks.append((Line2D([], [], linestyle="", marker="|", color=GREY, markersize=8), "CKA by chance"))
    handles, labels = zip(*bars, *marks)
    body.legend(handles, labels, loc="outside upper left", ncols=5, fontsize=SMALL)


def _note(found: Sequence[Diagnosed], temperature: float) -> str:
    seeds = len({one.cell.seed for one in found})
    samples = len(found[0].diagnosis.correlations)
    return (
        f"Test part of {samples} samples, n = {seeds} {'seed' if seeds == 1 else 'seeds'}; bars and markers: means. "
        "Rank correlation: Kendall's τ-b of the logits of single samples (grey: distribution; stroke: quartiles; ring: "
        f"median). Loss at temperature {temperature:g}. By chance: CKA of samples paired at random."
    )
