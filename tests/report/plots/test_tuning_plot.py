"""The picture of what trials are worth: its lines are the expectations, its refusals say what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from matplotlib.text import Text

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.trials import Study, Trial
from cmkd_bench.report.cells import Column
from cmkd_bench.report.plots.picture import Picture, Refusal
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.style import styles_of
from cmkd_bench.report.plots.tuning_curve import curves_of, plot

CONDITIONS: dict[str, Any] = {"folds": 2, "fixture": False, "protocol": "fair", "train.select_on": "validation"}
COLUMN = Column("toy", "audio", "video")
# By fold and trial: validation and test. In fold 0 trial 1 wins over the defaults, in fold 1 trial 2.
SCORES = {0: [(60.0, 50.0), (70.0, 56.0), (40.0, 10.0)], 1: [(60.0, 52.0), (40.0, 10.0), (70.0, 64.0)]}


def data(scores: dict[int, list[tuple[float, float] | None]] | Any, with_trials: bool = True) -> PlotData:
    cells, runs, studies = [], [], {}
    for fold, drawn in scores.items():
        place = ("toy", fold, 1.0, "audio", "video")
        cells.append(Cell("none", "baseline", *place, 0, f"none{fold}", "teacher"))
        cells.append(Cell("kd", "method", *place, 0, f"kd{fold}0", "teacher"))
        runs.append({"run_id": f"none{fold}", "status": "done", "value": 47.0 + fold, "val_value": 1.0})
        for number, pair in enumerate(drawn):
            validation, test = pair or (None, None)
            status = "done" if pair else "running"
            runs.append({"run_id": f"kd{fold}{number}", "status": status, "value": test, "val_value": validation})
        trials = tuple(Trial(number, {"x": number}, f"kd{fold}{number}") for number in range(len(drawn)))
        one = Study("kd", *place, 0, trials)
        studies[one.group] = one
    runs.append({"run_id": "teacher", "status": "done", "value": 90.0, "val_value": 1.0})
    frame = pd.DataFrame([{"dataset": "toy", "metric": "accuracy", "error": None, **run} for run in runs])
    plan = Plan("none", {"toy": CONDITIONS}, {cell.key: cell for cell in cells}, {}, studies if with_trials else {})
    return PlotData(plan, frame)


def test_a_line_is_the_mean_over_folds_of_what_would_be_selected() -> None:
    # Two trials: the better one is the second in half of the orders; three trials: it is always there.
    first, second = [50.0, (50 + 56) / 2, 56.0], [52.0, (52 + 64) / 2, 64.0]
    expected = {k + 1: (first[k] + second[k]) / 2 for k in range(3)}
    assert curves_of(data(SCORES), COLUMN) == {"kd": pytest.approx(expected)}


def test_the_picture_has_the_lines_of_the_methods_and_of_the_student_alone() -> None:
    (picture,) = plot(data(SCORES))
    assert isinstance(picture, Picture)
    assert picture.name == "tuning-toy"
    (panel,) = [ax for part in picture.figure.subfigs for ax in part.axes]
    lines = {str(line.get_label()): line for line in panel.lines}
    assert list(lines["kd"].get_xdata()) == [1, 2, 3]
    assert list(lines["kd"].get_ydata()) == pytest.approx([51.0, 55.5, 60.0])
    assert list(lines["none"].get_ydata()) == [47.5, 47.5]
    assert panel.get_title(loc="left") == "audio → video"
    width, height = picture.figure.get_size_inches()
    assert 3.4 <= width <= 7.0
    assert height < 11.0
    sizes = [text.get_fontsize() for text in picture.figure.findobj(Text) if text.get_text()]  # type: ignore[attr-defined]
    assert min(sizes) >= 7.0


def test_without_draws_or_with_draws_that_run_it_says_so() -> None:
    (nothing,) = plot(data(SCORES, with_trials=False))
    assert isinstance(nothing, Refusal)
    assert nothing.name == "tuning"
    assert "cmkd-bench run --trials" in nothing.reason
    (running,) = plot(data({0: SCORES[0], 1: [*SCORES[1][:2], None]}))
    assert running == Refusal("tuning-toy", "no method has finished all its trials of 'toy'.")


def test_a_direction_of_another_dataset_is_not_mixed_in() -> None:
    one = data(SCORES)
    assert curves_of(one, replace(COLUMN, student_modality="text")) == {}


def test_a_tuned_row_looks_like_its_method_with_the_other_marker_and_takes_nobody_s_colour() -> None:
    roles = {"none": "baseline", "kd": "method", "kd (tuned)": "method", "dkd": "method", "shuffled": "control"}
    styles = styles_of({**roles, "shuffled (tuned)": "control"})
    plain = styles_of({name: role for name, role in roles.items() if "tuned" not in name})
    assert {name: styles[name] for name in plain} == plain
    for name in ("kd", "shuffled"):
        assert styles[f"{name} (tuned)"] == replace(styles[name], is_filled=not styles[name].is_filled)
