"""Several experiments in one table: the same numbers as those of one experiment, or a clear reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_runs
import pytest
from command_line import Command
from made_runs import write_experiment

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.record import write_plan
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import Leaderboard
from cmkd_bench.report.csv_files import board_csv, comparisons_csv
from cmkd_bench.report.exchange import export, import_file
from cmkd_bench.report.experiment_data import ExperimentData
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.formats import as_markdown
from cmkd_bench.report.joining import join
from cmkd_bench.testing.made import made_spec

Chosen = Callable[[dict[str, Any]], bool]
SHARES = {"none": 0.6, "shuffled": 0.3, "kd": 0.9, "dkd": 0.8}


def part_of(whole: Experiment, name: str, chosen: Chosen) -> Experiment:
    """An experiment with some of the cells of another one, and with the runs behind these only."""
    plan = read_json(whole.plan)
    plan["cells"] = [cell for cell in plan["cells"] if chosen(cell)]
    part = Experiment(whole.root, name)
    for run_id in {cell[key] for cell in plan["cells"] for key in ("run_id", "teacher_id")}:
        folder = part.run(run_id).path
        folder.mkdir(parents=True)
        for file in whole.run(run_id).path.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
    write_plan(part, plan)
    return part


def joined(*parts: Experiment, **options: Any) -> ExperimentData:
    return join([(one.name, one) for one in parts], parts[0].root, **options)


def tables(board: Leaderboard) -> tuple[str, str, str]:
    return as_markdown(board), board_csv(board), comparisons_csv(board)


def other(
    root: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[RunSpec], RunSpec], **options: Any
) -> Experiment:
    """An experiment whose runs have other specs."""
    monkeypatch.setattr(made_runs, "spec", lambda *given: change(made_spec(*given)))
    made = write_experiment(root / "elsewhere", SHARES, **options)
    (root / "results").mkdir(exist_ok=True)
    made.path.rename(root / "results" / "other")
    monkeypatch.undo()
    return Experiment(root / "results", "other")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda cell: cell["seed"] < 3, lambda cell: cell["seed"] >= 3),
        (lambda cell: cell["method"] != "dkd", lambda cell: cell["method"] in ("none", "dkd")),
        (lambda cell: cell["teacher_modality"] == "audio", lambda cell: cell["teacher_modality"] == "video"),
    ],
    ids=["seeds", "methods", "directions"],
)
@pytest.mark.parametrize("is_exported", [False, True])
def test_parts_joined_are_the_whole(
    build: Callable[..., Experiment], tmp_path: Path, first: Chosen, second: Chosen, is_exported: bool
) -> None:
    whole = build(SHARES, seeds=5)
    parts = [part_of(whole, "first", first), part_of(whole, "second", second)]
    if is_exported:
        export(parts[1], tmp_path / "second.zip")
        parts[1] = import_file(tmp_path / "second.zip", tmp_path / "imported")[0]
    found = joined(*parts)
    assert tables(found.board) == tables(write_board(whole)[1])
    assert len(found.board.seeds) == 5
    assert set(found.results.run_id) == {path.name for path in (whole.path / "runs").iterdir()}


@pytest.mark.parametrize(
    ("change", "options", "named"),
    [
        (lambda spec: replace(spec, recipe=(("epochs", 30),)), {}, "train.epochs (15, 30)"),
        (lambda spec: replace(spec, code=(("engine", "b"),)), {}, "the code of the engine"),
        (lambda spec: replace(spec, manifest="n" * 64), {}, "the data or their split"),
        (lambda spec: replace(spec, student_network="linear"), {}, "student_network (mlp, linear)"),
        (lambda spec: spec, {"protocol": "c2kd"}, "protocol (fair, c2kd)"),
    ],
)
def test_what_was_run_differently_is_refused_or_has_a_table_of_its_own(
    build: Callable[..., Experiment],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[RunSpec], RunSpec],
    options: Mapping[str, Any],
    named: str,
) -> None:
    one, two = build(SHARES), other(tmp_path, monkeypatch, change, **options)
    with pytest.raises(UserError) as raised:
        joined(one, two)
    for part in ("toy: 'made' and 'other' differ in ", named, "--allow-different"):
        assert part in str(raised.value)
    board = joined(one, two, allow_different=True).board
    assert list(board.marks) == ["toy", "toy [other]"]
    assert any(named in note for note in board.notes)
    assert {pair.column.dataset for pair in board.comparisons.pairs.values()} == {"toy", "toy [other]"}
    for experiment, dataset in ((one, "toy"), (two, "toy [other]")):
        alone = write_board(experiment)[1]
        for (row, column), score in alone.scores.items():
            there = board.scores[row, replace(column, dataset=dataset)]
            assert (there.values, there.gain) == (score.values, score.gain)
            assert (there.comparison and there.comparison.p_gain) == (score.comparison and score.comparison.p_gain)


def test_a_row_that_was_run_differently_is_refused_or_a_row_of_its_own(
    build: Callable[..., Experiment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hotter(spec: RunSpec) -> RunSpec:
        return replace(spec, hyperparameters=(("temperature", 9.0),)) if spec.method == "kd" else spec

    one, two = build(SHARES), other(tmp_path, monkeypatch, hotter)
    with pytest.raises(UserError, match=r"kd, toy: 'made' and 'other' differ in method.kd.temperature \(None, 9.0\)"):
        joined(one, two)
    found = joined(one, two, allow_different=True)
    assert list(found.board.rows)[-3:] == ["dkd", "kd", "kd [other]"]
    column = found.board.columns[0]
    assert found.board.comparisons.find(column, "kd", "kd [other]") is not None
    assert set(found.record.names.values()) == {"kd [other]"}


def test_experiments_that_differ_alike_share_what_is_apart(
    build: Callable[..., Experiment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(spec: RunSpec) -> RunSpec:
        return replace(spec, recipe=(("epochs", 30),))

    one, whole = build(SHARES, seeds=2), other(tmp_path, monkeypatch, changed, seeds=4)
    two, three = (part_of(whole, f"{low}", lambda cell, low=low: low <= cell["seed"] < low + 2) for low in (0, 2))
    board = joined(one, two, three, allow_different=True).board
    assert list(board.marks) == ["toy", "toy [0]"]
    seeds = {column.dataset: len(board.scores["kd", column].values) for column in board.columns}
    assert seeds == {"toy": 2, "toy [0]": 4}


def test_a_row_joins_the_first_of_its_name(
    build: Callable[..., Experiment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hotter(spec: RunSpec) -> RunSpec:
        return replace(spec, hyperparameters=(("temperature", 9.0),)) if spec.method == "kd" else spec

    whole, two = build(SHARES, seeds=4, directions=1), other(tmp_path, monkeypatch, hotter, directions=1)
    one, three = (part_of(whole, f"{low}", lambda cell, low=low: low <= cell["seed"] < low + 2) for low in (0, 2))
    board = joined(one, two, three, allow_different=True).board
    (column,) = board.columns
    seeds = {row: sorted(board.scores[row, column].values) for row in board.rows if row.startswith("kd")}
    assert seeds == {"kd": [0, 1, 2, 3], "kd [other]": [0, 1, 2]}


def with_tuned(part: Experiment, temperature: float) -> Experiment:
    """The experiment with tuned rows of kd."""
    plan = read_json(part.plan)
    for cell in [one for one in plan["cells"] if one["method"] == "kd"]:
        taught = (cell["teacher_modality"], cell["teacher_id"])
        chosen = (("temperature", temperature),)
        run = made_spec("kd", "toy", cell["seed"], cell["student_modality"], *taught, hyperparameters=chosen)
        made_runs.write_run(part, run, 0.95, made_runs.LABELS)
        plan["cells"].append({**cell, "tuned": True, "run_id": run.id})
    write_plan(part, plan)
    return part


def test_a_tuned_row_with_other_values_is_apart_and_the_defaults_are_joined(build: Callable[..., Experiment]) -> None:
    whole = build(SHARES, seeds=4, directions=1)
    one = with_tuned(part_of(whole, "one", lambda cell: cell["seed"] < 2), 2.0)
    two = with_tuned(part_of(whole, "two", lambda cell: cell["seed"] >= 2), 3.0)
    with pytest.raises(UserError, match=r"kd \(tuned\), toy: .* method.kd.temperature \(2.0, 3.0\)"):
        joined(one, two)
    board = joined(one, two, allow_different=True).board
    (column,) = board.columns
    seeds = {row: sorted(board.scores[row, column].values) for row in board.rows if row.startswith("kd")}
    assert seeds == {"kd": [0, 1, 2, 3], "kd (tuned)": [0, 1], "kd [two] (tuned)": [2, 3]}
    tuned_alike = with_tuned(part_of(whole, "three", lambda cell: cell["seed"] >= 2), 2.0)
    assert len(joined(one, tuned_alike).board.scores["kd (tuned)", column].values) == 4


def test_the_settings_of_a_teacher_that_a_method_trains_count(build: Callable[..., Experiment]) -> None:
    def taught(name: str, epochs: int, seed: int) -> Experiment:
        part = part_of(whole, name, lambda cell: cell["seed"] == seed)
        plan = read_json(part.plan)
        (cell,) = [one for one in plan["cells"] if one["method"] == "kd"]
        teacher = replace(made_spec("special", "toy", seed, "audio"), recipe=(("epochs", epochs),))
        run = made_spec("kd", "toy", seed, "video", "audio", teacher.id)
        for spec in (teacher, run):
            made_runs.write_run(part, spec, 0.9, made_runs.LABELS)
        cell |= {"run_id": run.id, "teacher_id": teacher.id}
        write_plan(part, plan)
        return part

    whole = build(SHARES, seeds=3, directions=1)
    one = taught("one", 9, 0)
    with pytest.raises(UserError, match=r"kd, toy: .* teacher's train.epochs \(9, 5\)"):
        joined(one, taught("two", 5, 1))
    assert joined(one, taught("three", 9, 2)).board.seeds == (0, 2)


def test_machines_and_versions_are_named_and_nothing_is_refused(build: Callable[..., Experiment]) -> None:
    whole = build(SHARES)
    parts = [part_of(whole, name, lambda cell: True) for name in ("one", "two")]
    for part, device, torch in zip(parts, ("x86_64", "NVIDIA H100"), ("2.14.1", "2.13.0"), strict=True):
        for path in (part.path / "runs").iterdir():
            cost = {"seconds": 1.5, "peak_mb": 1.0, "code": "0", "device": device, "packages": {"torch": torch}}
            part.run(path.name).write_cost(cost)
    found = joined(*parts)
    notes = " ".join(found.board.notes)
    assert "device x86_64 in 'one', NVIDIA H100 in 'two'" in notes
    assert "torch 2.14.1 in 'one', 2.13.0 in 'two'" in notes
    assert "cmkd-bench 0" not in notes
    assert board_csv(found.board) == board_csv(write_board(whole)[1])


def test_other_results_of_the_same_runs_are_named_and_the_first_count(build: Callable[..., Experiment]) -> None:
    whole = build(SHARES)
    parts = [part_of(whole, name, lambda cell: True) for name in ("one", "two")]
    cell = next(cell for cell in read_json(whole.plan)["cells"] if cell["method"] == "kd")
    folder = parts[1].run(cell["run_id"])
    values = folder.read_result()
    folder.write_result({**values, "value": values["value"] - 2.5})
    found = joined(*parts)
    assert any(
        "1 of the" in note and "2.50 points" in note and "those of 'one' count" in note for note in found.board.notes
    )
    assert board_csv(found.board) == board_csv(write_board(whole)[1])
    parts[0].run(cell["run_id"]).result.unlink()
    assert "2.5" not in " ".join(joined(*parts).board.notes)
    assert joined(*parts).experiment.of(cell["run_id"]) is parts[1]


def test_the_commands_take_names_folders_and_files(
    build: Callable[..., Experiment], tmp_path: Path, cmkd: Command
) -> None:
    whole = build(SHARES, seeds=5)
    part_of(whole, "one", lambda cell: cell["seed"] < 3)
    two = part_of(whole, "two", lambda cell: cell["seed"] >= 3)
    export(two, tmp_path / "sent.zip")
    (tmp_path / "colleague").mkdir()
    two.path.rename(tmp_path / "colleague" / "two")
    expected = cmkd("leaderboard", "made", "--format", "csv").stdout
    for second in ("colleague/two", "colleague/two/", "sent.zip"):
        done = cmkd("leaderboard", "one", second, "--format", "csv")
        assert (done.returncode, done.stdout) == (0, expected), done.stderr
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert "over 2 seeds" in cmkd("leaderboard", "sent.zip").stdout
    options = ("--versus", "kd", "--metric", "macro_f1", "--format", "csv")
    assert cmkd("leaderboard", "one", "sent.zip", *options).stdout == cmkd("leaderboard", "made", *options).stdout
    assert cmkd("report", "one", "sent.zip", "--out", "both.html").returncode == 0
    page = (tmp_path / "both.html").read_text()
    assert re.search(r"cmkd-bench leaderboard one sent.zip --metric", page)
    plots = cmkd("plot", "one", "colleague/two", "--kind", "gains", "--format", "svg", "--out", "pictures")
    assert plots.stdout.split() == ["pictures/gains-toy.svg"], plots.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "both.html", "pictures"])
    for command, said in (
        (["leaderboard", "one", "one"], "twice"),
        (["leaderboard", "one", "nowhere/x"], "nowhere/x"),
        (["leaderboard", "one", "twoo.zip"], "twoo.zip"),
        (["report", "one", "colleague/two"], "--out"),
        (["plot", "sent.zip"], "--out"),
    ):
        wrong = cmkd(*command)
        assert wrong.returncode == 2
        assert said in wrong.stderr


def test_commands_of_a_joined_report_continue_the_experiment_that_lacks_a_run(
    build: Callable[..., Experiment], cmkd: Command
) -> None:
    whole = build(SHARES, seeds=4, directions=1)
    one = part_of(whole, "one", lambda cell: cell["seed"] < 2)
    two = part_of(whole, "two", lambda cell: cell["seed"] >= 2)
    for part, seed in ((one, 1), (two, 3)):
        cell = next(c for c in read_json(part.plan)["cells"] if (c["method"], c["seed"]) == ("kd", seed))
        part.run(cell["run_id"]).result.unlink()
    assert cmkd("report", "one", "two", "--out", "both.html").returncode == 0
    page = Path("both.html").read_text()
    for name, seed in (("one", 1), ("two", 3)):
        assert re.search(rf"cmkd-bench run --methods kd [^<]*--seeds {seed},[^<]*--experiment {name}\b", page)
