"""The commands that messages advise, run as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from command_line import Command, Done

GRID = ["train.epochs=1", "--seeds", "1", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way"]
GRID += ["--no-controls", "--jobs", "1"]
FAILING = Path(__file__).parent / "plugins" / "failing.py"


def advised(text: str) -> list[str]:
    """The words of the first command in a message, without its name."""
    found = re.search(r"cmkd-bench ([a-z][^`\n]*)", text)
    assert found is not None, text
    return shlex.split(found[1])


def follow(cmkd: Command, done: Done, *more: str) -> Done:
    assert done.returncode == 2
    return cmkd(*advised(done.stderr), *more)


def test_failed_runs_of_a_local_experiment(cmkd: Command) -> None:
    command = ["run", *GRID, "--methods", "raises", "--plugin", str(FAILING), "--experiment", "local"]
    assert cmkd(*command).returncode == 3
    status = cmkd("status", "local")
    assert "cmkd-bench retry" not in status.stdout, "it would refuse"
    for said in (status.stdout, cmkd("retry", "local").stderr):
        assert "rerun the `cmkd-bench run` command that started it, with --retry-failed" in said
    again = cmkd(*command, "--retry-failed")
    assert again.returncode == 3
    assert "LookupError" in again.stdout, "it was run again, and failed again"


def test_what_status_advises_after_a_local_grid(cmkd: Command) -> None:
    results = ["--results", "my results"]
    assert cmkd("run", *GRID, "--methods", "kd", *results).returncode == 0
    status = cmkd("status", *results)
    assert status.returncode == 0
    collected = cmkd(*advised(status.stdout.rpartition("next: ")[2]))
    assert collected.returncode == 0, collected.stderr
    assert Path("my results/fair+train.epochs=1/leaderboard.md").exists()


@pytest.mark.parametrize("results", ["results", "my results"])
@pytest.mark.parametrize("command", ["leaderboard", "status", "report", "plot"])
def test_where_there_is_no_experiment(cmkd: Command, command: str, results: str) -> None:
    done = follow(cmkd, cmkd(command, "--results", results), *GRID, "--methods", "kd")
    assert done.returncode == 0, done.stderr
    assert cmkd("leaderboard", "--results", results).returncode == 0


@pytest.mark.parametrize(
    "mistake",
    [
        ["run", "--methods", "c2dk"],
        ["run", "--datasets", "mfaet"],
        ["run", "--pairs", "pixls:fourier"],
        ["run", "model.student=mpl"],
        ["run", "train.epoch=3"],
        ["run", "method.kd.preset=none", "--methods", "kd"],
        ["reproduce", "mfh"],
        ["show", "mfeat", "--fidelity"],
    ],
)
def test_lists_that_show_what_is_allowed(cmkd: Command, mistake: list[str]) -> None:
    done = follow(cmkd, cmkd(*mistake))
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_options_that_are_advised(cmkd: Command) -> None:
    grid = ["run", "--datasets", "mfeat", "--methods", "kd", "--dry-run"]
    for mistake in ("seeds=2", "folds=0"):
        refused = cmkd(*grid, mistake)
        (option,) = re.findall(r"Use (--\w+ \d+)\.", refused.stderr)
        assert cmkd(*grid, *option.split()).returncode == 0
    assert "--device cpu" in cmkd(*grid, "--device", "cuda").stderr
    assert cmkd(*grid, "--device", "cpu").returncode == 0
    refused = cmkd("diagnose", "mfeat", "--results", "my results")
    trained = follow(cmkd, refused, *[word for word in GRID if word not in ("--datasets", "mfeat")], "--methods", "kd")
    assert trained.returncode == 0, trained.stderr
    assert cmkd("diagnose", "mfeat", "--results", "my results", "--format", "svg").returncode == 0


def test_what_a_miniature_and_a_check_advise(cmkd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = cmkd("fixture", "ave", "--out", "my data", "--clips", "24")
    assert written.returncode == 0
    assert f"CMKD_DATA_ROOT={shlex.quote('my data')} cmkd-bench prepare ave" in written.stdout
    monkeypatch.setenv("CMKD_DATA_ROOT", str(tmp_path / "my data"))
    settings = ["prepare", "ave", "prepare.frames=2", "prepare.height=16", "prepare.width=16", "prepare.mels=8"]
    checked = cmkd(*settings, "--check")
    assert checked.returncode == 2
    assert "Run the same command without --check" in checked.stderr
    assert cmkd(*settings, "--jobs", "1").returncode == 0
    array = next(Path("prepared").rglob("video.npy"))
    array.write_bytes(array.read_bytes()[:-100] + bytes(range(100)))
    checked = cmkd(*settings, "--check")
    assert "the same command with --force instead of --check" in checked.stdout
    assert cmkd(*settings, "--jobs", "1", "--force").returncode == 0
    assert "video" not in cmkd(*settings, "--check").stdout
