"""A toy experiment to draw, and what pictures show of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text

from cmkd_bench.report.cells import Column
from cmkd_bench.report.plots.picture import Picture, Refusal
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.save import plot

ROLES = {"none": "baseline", "kd": "method", "lost": "method", "never": "method", "shuffled": "control"}
AB, BA = Column("toy", "audio", "video"), Column("toy", "video", "audio")
AC, CA = Column("toy", "audio", "text"), Column("toy", "text", "audio")
Make = Callable[..., PlotData]
VALUES = {
    ("none", AB): [50.0, 52.0, 54.0],
    ("kd", AB): [53.0, 54.0, 58.0],  # gains 3, 2, 4
    ("lost", AB): [49.0, None, 53.0],  # -1, -1
    ("never", AB): [],
    ("shuffled", AB): [20.0, 21.0, 22.0],  # -30, -31, -32
}
INTERVALS = {("kd", AB): (1.5, 4.75), ("shuffled", AB): (-34.0, -28.0)}


def epoch(number: int, value: float | None, phase: str = "train", **logged: float) -> dict[str, Any]:
    return {"epoch": number, "phase": phase, "logged": logged} | ({} if value is None else {"selection": value})


HISTORIES = {
    **{f"none-video-{seed}": [epoch(1, 40.0), epoch(2, 46.0)] for seed in range(3)},
    "kd-video-0": [epoch(1, None, "hint", keep_rate=0.2), epoch(2, 44.0, keep_rate=0.5)],
    "kd-video-1": [epoch(1, None, "hint", keep_rate=0.4), epoch(2, 47.0, keep_rate=0.6)],
    "kd-video-2": [epoch(1, None, "hint", keep_rate=0.9), epoch(2, 56.0, keep_rate=1.0)],
}


COSTS = {"none": (2.0, 0), "kd": (4.0, 5000)}


def several() -> dict[tuple[str, Column], list[float]]:
    """Four directions, three methods, three seeds."""
    methods = {"none": 0.0, "kd": 2.0, "shuffled": -1.0}
    columns = {AB: 50.0, BA: 60.0, AC: 70.0, CA: 65.0}
    return {
        (method, column): [base + shift + seed for seed in range(3)]
        for (method, shift), (column, base) in itertools.product(methods.items(), columns.items())
    }


def only(data: PlotData, kind: str) -> Picture:
    """The one picture of a kind."""
    (found,) = plot(data, [kind])
    assert isinstance(found, Picture)
    return found


def refusal(data: PlotData, kind: str) -> str:
    found, *_ = plot(data, [kind])
    assert isinstance(found, Refusal)
    return found.reason


def panels(figure: Figure) -> list[Axes]:
    return [ax for part in figure.subfigs for ax in part.axes if ax.get_visible()]


def note(figure: Figure) -> str:
    return " ".join(figure.get_supxlabel().split())


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def bars(ax: Axes) -> dict[str, ErrorbarContainer]:
    return {str(one.get_label()): one for one in bars_of(ax)}


def bars_of(ax: Axes) -> list[ErrorbarContainer]:
    return [one for one in ax.containers if isinstance(one, ErrorbarContainer)]


def point(container: ErrorbarContainer) -> tuple[float, float]:
    line = container.lines[0]
    assert line is not None
    return float(line.get_xdata()[0]), float(line.get_ydata()[0])  # type: ignore[index]


def segment(container: ErrorbarContainer) -> np.ndarray:
    """Both ends of the only bar: (2, 2)."""
    return np.array(container.lines[2][0].get_segments()[0])


def assert_is_legible(figure: Figure, name: str) -> None:
    """Check that title, note, labels, legend, and panels are within the figure and do not overlap."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (body,) = figure.subfigs
    labels = [getattr(part, kind) for part in (figure, body) for kind in ("_suptitle", "_supxlabel", "_supylabel")]
    parts = [*(label for label in labels if label is not None and label.get_text()), *body.legends, *panels(figure)]
    boxes = [(part, part.get_tightbbox(canvas.get_renderer())) for part in parts]
    for part, box in boxes:
        (left, bottom), (right, top) = box.get_points() / figure.bbox.size
        assert min(left, bottom) > -0.002, (name, part)
        assert max(right, top) < 1.002, (name, part)
    for (one, box), (other, other_box) in itertools.combinations(boxes, 2):
        assert not box.padded(-1.0).overlaps(other_box.padded(-1.0)), (name, one, other)
