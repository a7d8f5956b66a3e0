"""Run again what is done: `--force`, with teachers that are shared and files that other experiments share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from command_line import Command

from cmkd_bench.experiment.files import file_lock
from cmkd_bench.experiment.store import Experiment

QUICK = ["train.epochs=1", "--seeds", "1", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way"]
QUICK += ["--no-controls", "--jobs", "1"]
Run = Callable[..., pd.DataFrame]


def written(path: Path) -> tuple[int, int]:
    """Which file it is, and when it was written: the inode of a removed file may be used again."""
    return path.stat().st_ino, path.stat().st_mtime_ns


def inodes(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: written(path) for path in folder.iterdir() if path.name != "lock"}


def results(experiment: Experiment) -> dict[str, tuple[bytes, tuple[int, int]]]:
    found = (folder / "result.json" for folder in (experiment.path / "runs").iterdir())
    return {path.parent.name: (path.read_bytes(), written(path)) for path in found if path.exists()}


def test_everything_is_run_again_and_other_experiments_keep_their_files(quick_run: Run, tmp_path: Path) -> None:
    quick_run(experiment="theirs")
    theirs = Experiment(tmp_path / "results", "theirs")
    before, files = results(theirs), {one.name: inodes(one) for one in (theirs.path / "runs").iterdir()}
    quick_run(experiment="ours")
    ours = Experiment(tmp_path / "results", "ours")
    assert results(ours) == before, "adopted"
    quick_run(experiment="ours", force=True)
    again = results(ours)
    assert {run_id: content for run_id, (content, _) in again.items()} == {
        run_id: content for run_id, (content, _) in before.items()
    }, "the same bytes"
    assert not {file for _, file in again.values()} & {file for _, file in before.values()}, "new files"
    assert {one.name: inodes(one) for one in (theirs.path / "runs").iterdir()} == files
    assert results(theirs) == before


def test_a_new_experiment_that_is_forced_adopts_nothing(quick_run: Run, tmp_path: Path) -> None:
    quick_run(experiment="theirs")
    quick_run(experiment="ours", force=True)
    theirs, ours = (results(Experiment(tmp_path / "results", name)) for name in ("theirs", "ours"))
    assert ours.keys() == theirs.keys()
    assert all(ours[run_id][1] != theirs[run_id][1] for run_id in ours)


def test_students_of_a_repeated_teacher_are_named(cmkd: Command) -> None:
    assert cmkd("run", *QUICK, "--methods", "kd,dkd").returncode == 0
    done = cmkd("run", *QUICK, "--methods", "kd", "--force")
    assert done.returncode == 0
    assert "--force: 1 finished runs outside this command" in done.stdout  # dkd
    assert "outside this command" not in cmkd("run", *QUICK, "--methods", "kd,dkd", "--force").stdout


def test_trials_are_run_again_before_values_are_selected(quick_run: Run, tmp_path: Path) -> None:
    quick_run(trials=2)
    experiment = Experiment(tmp_path / "results", "quick")
    before = results(experiment)
    quick_run(trials=2, force=True)
    after = results(experiment)
    assert {name: one[0] for name, one in after.items()} == {name: one[0] for name, one in before.items()}
    assert not {one[1] for one in after.values()} & {one[1] for one in before.values()}


def test_the_plan_of_a_forced_command_has_everything_to_do(cmkd: Command) -> None:
    assert cmkd("run", *QUICK, "--methods", "kd").returncode == 0
    assert "(3 done, 0 to do)" in cmkd("run", *QUICK, "--methods", "kd", "--dry-run").stdout
    assert "(0 done, 3 to do)" in cmkd("run", *QUICK, "--methods", "kd", "--dry-run", "--force").stdout


def test_a_failed_run_is_run_again_too(quick_run: Run, tmp_path: Path) -> None:
    plugin = Path(__file__).parent.parent / "plugins" / "failing.py"
    quick_run(methods=["raises"], plugins=[plugin])
    (error,) = tmp_path.glob("results/quick/runs/*/error.json")
    before = written(error)
    quick_run(methods=["raises"], plugins=[plugin], force=True)
    assert written(error) != before


def test_a_run_that_a_process_works_on_is_left_alone(quick_run: Run, tmp_path: Path) -> None:
    quick_run()
    experiment = Experiment(tmp_path / "results", "quick")
    folder = experiment.run(next(iter(results(experiment))))
    with file_lock(folder.lock), pytest.raises(Exception, match=folder.path.name):
        folder.discard()
    assert folder.result.exists()
    assert folder.discard()
    assert {path.name for path in folder.path.iterdir()} == {"spec.json", "lock"}
