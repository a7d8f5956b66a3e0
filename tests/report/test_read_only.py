"""Commands that read an experiment whose folder cannot be written: they print, and say what was not written."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Command, without_plugins
from faulty_files import break_writing

import cmkd_bench
from cmkd_bench.experiment.files import is_locked
from cmkd_bench.experiment.store import Experiment

INCOMPLETE = 4
GRID = {"methods": ["kd"], "datasets": ["mfeat"], "pairs": ["pixels:fourier"], "controls": False, "one_way": True}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a finished experiment `one`."""
    results = tmp_path_factory.mktemp("finished") / "results"
    with without_plugins():
        settings = {"overrides": ["train.epochs=1"], "seeds": 1, "experiment": "one", "quiet": True}
        cmkd_bench.run(**GRID, **settings, results=results)  # type: ignore[arg-type]
    return results


@pytest.fixture(params=["mounted", "faulty"])
def read_only(
    request: pytest.FixtureRequest, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The results folder on a read-only disk, or with an error put in wherever a file is written."""
    results = tmp_path / "results"
    if request.param == "faulty":
        shutil.copytree(finished, results)
        break_writing(monkeypatch, errno.EROFS, "", tmp_path)
        yield results
        return
    results.mkdir()
    mounts = [["mount", "--bind", str(finished), str(results)], ["mount", "-o", "remount,ro,bind", str(results)]]
    if any(subprocess.run(mount, capture_output=True).returncode for mount in mounts):
        pytest.skip("mounting is not allowed here; the other half of this test puts the same error in")
    yield results
    subprocess.run(["umount", str(results)], check=True)


def unwritten(stderr: str) -> str:
    """The line about files that were not written."""
    (line,) = [line for line in stderr.splitlines() if "not written" in line]
    assert "the file system is read-only" in line
    return line


def test_the_leaderboard_is_printed(read_only: Path, cmkd: Command) -> None:
    for form in ("rich", "csv", "markdown"):
        done = cmkd("leaderboard", "one", "--format", form)
        assert done.returncode == 0, done.stderr
        assert "kd" in done.stdout
        assert "results.csv" in unwritten(done.stderr)
        assert "leaderboard.md" in done.stderr
        assert "leaderboard.md" not in done.stdout


def test_the_status_is_printed(read_only: Path, cmkd: Command) -> None:
    done = cmkd("status", "one")
    assert done.returncode == 0, done.stderr
    assert "3 done" in done.stdout


def test_the_report_is_printed_and_can_be_written_elsewhere(
    read_only: Path, cmkd: Command, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    done = cmkd("report", "one")
    assert done.returncode == INCOMPLETE
    assert "│ kd " in done.stdout
    assert "report.html" in unwritten(done.stderr)
    assert "--out" in done.stderr
    if "mounted" in request.node.name:
        elsewhere = tmp_path / "elsewhere.html"
        done = cmkd("report", "one", "--out", str(elsewhere))
        assert done.returncode == 0, done.stderr
        assert "<html" in elsewhere.read_text()


@pytest.mark.parametrize("command", [["plot", "one", "--kind", "gains"], ["collect", "one"]])
def test_what_is_for_writing_says_that_it_did_not(read_only: Path, cmkd: Command, command: list[str]) -> None:
    done = cmkd(*command)
    assert done.returncode == INCOMPLETE
    assert "Traceback" not in done.stderr
    assert unwritten(done.stderr)


def test_a_run_is_refused_in_one_message(read_only: Path, cmkd: Command) -> None:
    grid = ["--methods", "kd", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--no-controls"]
    done = cmkd("run", *grid, "--seeds", "2", "train.epochs=1", "--experiment", "one")
    assert done.returncode == INCOMPLETE
    assert len(done.stderr.splitlines()) == 1
    assert "the file system is read-only" in done.stderr


def test_a_folder_that_is_not_ours_is_refused_before_a_run(
    cmkd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)  # root may write everywhere
    done = cmkd("run", "--methods", "kd", "--datasets", "mfeat", "--dry-run", "--results", str(tmp_path / "new"))
    assert done.returncode == INCOMPLETE
    assert f"{tmp_path}: permission denied" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_program_reads_the_results(read_only: Path) -> None:
    assert set(cmkd_bench.load_results("one", read_only).status) == {"done"}


def test_a_lock_is_seen_on_a_read_only_disk(read_only: Path) -> None:
    folders = [folder.name for folder in (read_only / "one" / "runs").iterdir()]
    locks = [Experiment(read_only, "one").run(name).lock for name in folders]
    assert not any(is_locked(lock) for lock in locks)
