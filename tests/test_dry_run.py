"""`run --dry-run` tells the truth: it refuses what `run` refuses, and says what the runs are expected to cost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from command_line import Command
from one_spec import SPEC

from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.store import RunFolder
from cmkd_bench.launch.preview import expectation

QUICK = ["run", "train.epochs=1", "--seeds", "1", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way"]
QUICK += ["--no-controls", "--methods", "kd", "--jobs", "1"]
AVE = ["run", "--methods", "kd", "--datasets", "ave", "--seeds", "1", "--no-controls", "protocol=smoke", "model=tiny"]


def refused(cmkd: Command, *arguments: str) -> str:
    """The message of a command, which must be the same with and without --dry-run, and leave nothing behind."""
    before = sorted(Path.cwd().rglob("*"))
    dry, real = cmkd(*arguments, "--dry-run"), cmkd(*arguments)
    assert dry.returncode == real.returncode == 2
    assert dry.stderr == real.stderr
    assert sorted(Path.cwd().rglob("*")) == before
    return dry.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu(cmkd: Command) -> None:
    assert "torch finds no GPU" in refused(cmkd, *QUICK, "--device", "cuda")


def test_a_results_path_that_is_a_file(cmkd: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"{tmp_path / 'file'} is not a folder" in refused(cmkd, *QUICK, "--results", str(tmp_path / "file"))
    assert f"{tmp_path / 'file'} is not a folder" in refused(
        cmkd, *QUICK, "--results", str(tmp_path / "file" / "below")
    )
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine").touch()
    assert "mine is a file" in refused(cmkd, *QUICK, "--experiment", "mine")


def test_a_wrong_data_root(cmkd: Command, tmp_path: Path) -> None:
    said = refused(cmkd, *AVE, f"data.root={tmp_path / 'nowhere'}")
    assert "dataset 'ave' was not found" in said
    assert str(tmp_path / "nowhere") in said


def test_other_conditions_of_the_experiment(cmkd: Command) -> None:
    assert cmkd(*QUICK, "--experiment", "mine").returncode == 0
    assert "train.batch_size=32" in refused(cmkd, *QUICK, "--experiment", "mine", "train.batch_size=32")
    changed = cmkd(*QUICK, "--experiment", "mine", "method.kd.temperature=2.0", "--dry-run")
    assert changed.returncode == 0
    assert "kd: the settings or the code differ from those of an earlier command" in changed.stdout


def test_slurm_without_its_commands(cmkd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "SLURM's commands are not on the path" in refused(cmkd, *QUICK, "--launcher", "slurm")


def test_data_that_are_not_prepared_are_planned(cmkd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cmkd("fixture", "ave", "--out", "data", "--clips", "24").returncode == 0
    monkeypatch.setenv("CMKD_DATA_ROOT", str(tmp_path / "data"))
    before = sorted(tmp_path.rglob("*"))
    done = cmkd(*AVE, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "4 runs (0 done, 4 to do)" in done.stdout  # both modalities alone, kd in both directions
    assert f"ave: {tmp_path / 'data'}" in done.stdout
    assert "unknown" in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_time_and_disk_are_those_of_recorded_runs(cmkd: Command, tmp_path: Path) -> None:
    assert "unknown" in cmkd(*QUICK, "--dry-run").stdout
    assert cmkd(*QUICK).returncode == 0
    sizes = {}
    for cost in tmp_path.glob("results/*/runs/*/cost.json"):
        RunFolder(cost.parent).write_cost({**read_json(cost), "seconds": 90.0})
        sizes[cost.parent.name] = sum(path.stat().st_size for path in cost.parent.iterdir())
    more = cmkd(*QUICK, "--seeds", "0,1,2,3", "--dry-run").stdout
    # 3 further seeds of 3 runs with 90 s each, one after another
    assert "about 14 min with 1 worker" in more
    assert f"{3 * sum(sizes.values()) / 1e6:.1f} MB" in more
    assert "about 3 min with 4 workers" in cmkd(*QUICK, "--seeds", "0,1,2,3", "--jobs", "4", "--dry-run").stdout
    twice = cmkd(*QUICK, "--experiment", "longer", "--dry-run", "train.epochs=2").stdout
    assert "about 9 min with 1" in twice, "seconds count per epoch"
    assert "Nothing to do" in cmkd(*QUICK, "--dry-run").stdout


def test_runs_without_a_similar_one_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "runs" / SPEC.id
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(SPEC.to_json()))
    RunFolder(folder).write_cost({"seconds": 8})
    RunFolder(folder).write_result({})
    size = sum(path.stat().st_size for path in folder.iterdir())
    other = replace(SPEC, dataset="watch", student_network="cnn1d")
    found = expectation([SPEC, other], tmp_path)
    assert (found.seconds, found.bytes, found.unknown) == (8, size, 1)
