"""From saved runs to diagnostics: what is read, what is drawn, what is refused."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.patches import Rectangle
from rich.console import Console
from safetensors.torch import load_file, save_file

import cmkd_bench
from cmkd_bench.cli.plot import diagnose as command
from cmkd_bench.config.roots import Roots
from cmkd_bench.diagnostics.collect import Diagnosed, Question, diagnose_runs, latest_with
from cmkd_bench.diagnostics.pair import Side, diagnose
from cmkd_bench.diagnostics.saved import SavedRuns
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.store import Experiment, RunFolder
from cmkd_bench.report.diagnosis_table import diagnosis_csv, spread, table_of
from cmkd_bench.report.plots.diagnosis import plot_diagnosis
from cmkd_bench.report.text_table import as_rich

PAIR = ("pixels", "fourier")


def saved(experiment: Experiment) -> SavedRuns:
    return SavedRuns(experiment, torch.device("cpu"), Roots())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One teacher, the student alone, and one with a method, trained once for all tests."""
    folder = tmp_path_factory.mktemp("diagnosed") / "results"
    cmkd_bench.run(
        ["kd"], ["mfeat"], pairs=["pixels:fourier"], seeds=1, overrides=["train.epochs=2"], experiment="quick",
        labels=1, results=folder, jobs=1, controls=False, one_way=True, quiet=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def trained(results: Path, tmp_path: Path) -> Experiment:
    """A copy that a test may damage."""
    shutil.copytree(results, tmp_path / "results")
    return Experiment(tmp_path / "results", "quick")


def question(**changes: Any) -> Question:
    return Question(**{"dataset": "mfeat", "pairs": [PAIR], "methods": ["none", "kd"], **changes})


def test_accuracies_are_those_of_the_runs(trained: Experiment) -> None:
    found = list(diagnose_runs(trained, question(), saved(trained)))
    assert [one.cell.method for one in found] == ["none", "kd"]
    for one in found:
        numbers = one.diagnosis.numbers
        result = read_json(trained.run(one.cell.run_id).result)
        teacher = read_json(trained.run(one.cell.teacher_id).result)
        assert numbers["student_accuracy"] == pytest.approx(result["value"])
        assert numbers["teacher_accuracy"] == pytest.approx(teacher["value"])
        assert 0 < numbers["cka_by_chance"] < numbers["cka"] < 1
    rows = pd.read_csv(io.StringIO(diagnosis_csv(found)))
    assert list(rows["method"]) == ["none", "kd"]
    assert rows["gap"][0] == pytest.approx(rows["teacher_accuracy"][0] - rows["student_accuracy"][0])


def test_the_command_writes_a_table_and_pictures(
    trained: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("mfeat", pairs="pixels:fourier", formats="svg", results=tmp_path / "results")
    shown = capsys.readouterr().out
    assert "mfeat: pixels → fourier" in shown
    assert "Cohen's kappa" in shown
    assert sorted(path.name for path in (trained.path / "plots").iterdir()) == [
        "diagnosis-mfeat-pixels-fourier.csv",
        "diagnosis-mfeat-pixels-fourier.svg",
    ]


def test_without_runs_it_says_what_trains_them(trained: Experiment, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cmkd-bench run --datasets watch"):
        command("watch", results=tmp_path / "results")
    with pytest.raises(UserError, match=r"cmkd-bench run --datasets mfeat --pairs pixels:zernike"):
        command("mfeat", pairs="pixels:zernike", results=tmp_path / "results")
    with pytest.raises(UserError, match=r"'mfeat': fourier → pixels, none\."):
        command("mfeat", pairs="pixels:fourier,fourier:pixels", results=tmp_path / "results")
    with pytest.raises(UserError, match="seeds 7"):
        list(diagnose_runs(trained, question(seeds=[7]), saved(trained)))
    assert latest_with("mfeat", tmp_path / "results").name == "quick"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dataset": "mfaet"}, "Did you mean 'mfeat'?"),
        ({"pairs": "pixls:fourier"}, "Did you mean 'pixels:fourier'?"),
        ({"methods": "kdd"}, "Did you mean 'kd'?"),
        ({"seeds": "x"}, "--seeds x: expected integers"),
        ({"formats": "gif"}, "unknown format 'gif'"),
        ({"temperature": 0.0}, "--temperature 0: expected a number above 0"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"experiment": "quik"}, "Did you mean 'quick'?"),
    ],
)
def test_a_mistake_is_one_clear_message(
    trained: Experiment, tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        command(**{"dataset": "mfeat", "results": tmp_path / "results", **arguments})
    assert said in str(caught.value)


def seal_again(folder: RunFolder) -> None:
    """Let the result have the digests of the files as they are now."""
    folder.write_result(folder.read_result())


def test_a_student_that_is_not_that_of_the_predictions_is_refused(trained: Experiment) -> None:
    (one,) = diagnose_runs(trained, question(methods=["kd"]), saved(trained))
    weights = trained.run(one.cell.run_id).weights
    save_file({name: value + 1 for name, value in load_file(weights).items()}, weights)
    seal_again(trained.run(one.cell.run_id))
    with pytest.raises(UserError, match="saved predictions"):
        list(diagnose_runs(trained, question(methods=["kd"]), saved(trained)))


def test_files_that_cannot_be_read_are_named(trained: Experiment) -> None:
    (one,) = diagnose_runs(trained, question(methods=["kd"]), saved(trained))
    trained.run(one.cell.run_id).predictions.write_bytes(b"no tensors")
    with pytest.raises(Damaged, match=rf"{one.cell.run_id}/predictions\.safetensors has 10 bytes"):
        list(diagnose_runs(trained, question(methods=["kd"]), saved(trained)))
    save_file({"confusion": torch.ones(1, 2, 2)}, trained.run(one.cell.run_id).predictions)
    seal_again(trained.run(one.cell.run_id))
    with pytest.raises(UserError, match="segmentation"):
        list(diagnose_runs(trained, question(methods=["kd"]), saved(trained)))


def made() -> list[Diagnosed]:
    """Two seeds of one student: 3 and 2 of 4 samples right, the teacher always."""
    labels = torch.tensor([0, 1, 2, 0])
    embedding = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    teacher = Side(torch.eye(3)[labels] * 4 + torch.tensor([0.1, 0.2, 0.3]), embedding)
    found = []
    for seed, said in enumerate(([0, 1, 2, 1], [0, 1, 1, 1])):
        student = Side(torch.eye(3)[said] * 2 + torch.tensor([0.3, 0.2, 0.1]), embedding * 2)
        cell = Cell("alone", "baseline", "toy", 0, 1.0, "audio", "video", seed, "s", "t")
        found.append(Diagnosed(cell, diagnose(teacher, student, labels)))
    return found


def test_the_picture_has_the_means_over_seeds() -> None:
    drawn = plot_diagnosis(made(), 1.0)
    shares, correlations, loss, similar = drawn.figure.subfigs[0].axes
    bars = [patch for patch in shares.patches if isinstance(patch, Rectangle)]
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0.0, 62.5), (62.5, 37.5), (100.0, 0.0), (100.0, 0.0)]
    numbers = [one.diagnosis.numbers for one in made()]
    parts = [patch.get_width() for patch in loss.patches if isinstance(patch, Rectangle)]
    assert parts == pytest.approx(
        [np.mean([n["tckd"] for n in numbers]), np.mean([n["nckd_weighted"] for n in numbers])]
    )
    marks = {line.get_label(): float(line.get_xdata()[0]) for line in similar.lines}  # type: ignore[index]
    assert marks["agreement"] == 0.625
    assert marks["cka"] == pytest.approx(1.0)
    (median,) = [line for line in correlations.lines if line.get_label() == "median"]
    taus = np.concatenate([one.diagnosis.correlations for one in made()])
    assert float(median.get_xdata()[0]) == pytest.approx(np.median(taus))  # type: ignore[index]


def test_the_table_has_means_and_deviations() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(as_rich(table_of(made(), 1.0)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "37.50 ± 17.68" in shown, "gaps of 25 and 50 points"
    assert "undefined" not in shown
    assert spread([1.0, 3.0], 1) == "2.0 ± 1.4"
    assert spread([float("nan")], 1) == "-"


def test_data_that_have_changed_are_named(trained: Experiment) -> None:
    (run_id,) = (one.name for one in (trained.path / "runs").iterdir() if trained.read_spec(one.name).method == "kd")
    other = replace(trained.read_spec(run_id), manifest="0" * 64)
    folder = trained.add(other)
    shutil.copy(trained.run(run_id).predictions, folder.predictions)
    folder.write_result(trained.read_result(run_id))
    with pytest.raises(UserError, match=f"{other.id}.*mfeat.*0000"):
        saved(trained).side(other.id)
