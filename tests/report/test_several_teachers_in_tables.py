"""Tables and the report of runs with several teachers, and of teachers that see several modalities."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest
from made_runs import LABELS, write_run

from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.spec import TeacherRun
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.experiment_data import read_experiment
from cmkd_bench.report.joining import join
from cmkd_bench.report.page.protocol import conditions, splits
from cmkd_bench.report.page.run_details import run_details
from cmkd_bench.report.results import collect
from cmkd_bench.testing.made import CONDITIONS, made_spec, write_made_plan

BOTH, NETWORK = "audio+video", "concat(cnn2d_deep+cnn2d)"
SETTINGS = {"model.student": "auto", "model.fusion": "concat", "model.spectrogram": "cnn2d_deep", "model.text": "mlp"}


def write(root: Path, seeds: Iterable[int], name: str = "made", first: str = "audio") -> Experiment:
    """An experiment with the student alone and a method with two teachers, of which the second sees both modalities.

    Args:
        first: what the first teacher sees.
    """
    experiment, cells = Experiment(root, name), []
    for seed in seeds:
        alone, teacher = made_spec("none", "ave", seed, "video"), made_spec("none", "ave", seed, first)
        both = dataclasses.replace(made_spec("none", "ave", seed, BOTH), student_network=NETWORK)
        run = dataclasses.replace(
            made_spec("ens", "ave", seed, "video", first, teacher.id),
            further_teachers=(TeacherRun("composite", both.id, BOTH, NETWORK, ""),),
        )
        for spec, share in {alone: 0.6, teacher: 0.6, both: 0.9, run: 0.8}.items():
            write_run(experiment, spec, share, LABELS)
        for method, role, run_id in (("none", "baseline", alone.id), ("ens", "method", run.id)):
            cells.append(Cell(method, role, "ave", 0, 1.0, "audio", "video", seed, run_id, teacher.id))
    write_made_plan(experiment, cells, CONDITIONS | SETTINGS)
    return experiment


def test_every_teacher_of_a_run_can_be_found(tmp_path: Path) -> None:
    experiment = write(tmp_path, [0])
    runs = collect(experiment).set_index("run_id")
    (run,) = runs.index[runs.method == "ens"]
    role, _, further = runs.further_teachers[run].partition("=")
    assert (role, runs.student_modality[further], runs.student_modality[runs.teacher[run]]) == (
        *("composite", BOTH),
        "audio",
    )
    assert set(runs.further_teachers[runs.method == "none"]) == {""}
    assert "further_teachers" not in pd.read_csv(experiment.results), "a cell is not its run"


def test_the_report_names_all_teachers_of_a_run_and_their_networks(tmp_path: Path) -> None:
    details = run_details(read_experiment(write(tmp_path, [0])))
    (run,) = details["cells"]["cell/ens/ave/1/audio/video"]["runs"]
    assert [role for role, _ in run["teachers"]] == ["teacher", "composite"]
    assert len({run["id"], *(teacher for _, teacher in run["teachers"])}) == 3
    networks = dict(dict(details["settings"][run["settings"]])["networks"])
    assert networks == {"student": "mlp on video", "teacher": "mlp on audio", "composite": f"{NETWORK} on {BOTH}"}


def test_the_report_counts_what_only_a_further_teacher_reads(tmp_path: Path) -> None:
    data = read_experiment(write(tmp_path, [0], first="video"))
    read = {row[1]: int(row[4]) for row in splits(data).rows}
    assert read == {"video": 1, "audio + video": 2}, "the runs of the teacher of both, and of the method"


def test_the_report_has_the_networks_of_all_parts_of_a_composite_modality(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path, "made")
    alone, teacher = made_spec("none", "ave", 0, "video"), made_spec("none", "ave", 0, BOTH)
    for spec in (alone, teacher):
        write_run(experiment, spec, 0.6, LABELS)
    cell = Cell("none", "baseline", "ave", 0, 1.0, BOTH, "video", 0, alone.id, teacher.id)
    write_made_plan(experiment, [cell], CONDITIONS | SETTINGS)
    (found,) = conditions(read_experiment(experiment))
    shown = {name for name, _ in dict(found["sections"])["networks"]}
    assert shown == {"student", "fusion", "spectrogram"}, "ave has no text"


@pytest.mark.parametrize("seeds", [[3, 4, 5], [1, 2, 3]])
def test_other_seeds_of_a_method_with_several_teachers_are_no_other_method(tmp_path: Path, seeds: list[int]) -> None:
    parts = [write(tmp_path, [0, 1, 2], "first"), write(tmp_path, seeds, "second")]
    joined = join([(one.name, one) for one in parts], tmp_path)
    (column,) = joined.columns
    assert {cell.seed for cell, _ in joined.columns[column]["ens"]} == {0, 1, 2, *seeds}
