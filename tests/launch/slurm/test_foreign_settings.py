"""An experiment of somebody else: nothing that it stores is executed unless this user has named it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from planned_grid import FakeSlurm, Planned

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.launch.slurm.job import Job
from cmkd_bench.launch.slurm.ledger import Ledger
from cmkd_bench.launch.slurm.named import named_file

SETUP = "launcher.setup=[touch /tmp/owned]"
PLUGIN = """from pathlib import Path
from cmkd_bench import register_network
Path({marker!r}).touch()
@register_network("foreign")
def foreign(shape, classes):
    raise NotImplementedError
"""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Appears when the plug-in is executed."""
    return tmp_path / "executed"


@pytest.fixture
def plugin(tmp_path: Path, marker: Path) -> Path:
    file = tmp_path / "their plug-in.py"
    file.write_text(PLUGIN.format(marker=str(marker)))
    return file


def store(grid: Planned, **changes: Any) -> None:
    """Change what the experiment stores of its last submission, as somebody else would."""
    file = Ledger(grid.experiment).settings
    write_json(file, read_json(file) | changes)


def fail(grid: Planned, slurm: FakeSlurm) -> None:
    grid.submit()
    for job in slurm.read()["jobs"]:
        slurm.change(job, state="FAILED")


def test_retry_executes_a_plugin_only_after_it_was_named(
    grid: Planned, slurm: FakeSlurm, cmkd: Command, plugin: Path, marker: Path
) -> None:
    fail(grid, slurm)
    store(grid, plugins=[str(plugin)])
    calls = len(slurm.calls("sbatch"))
    refused = cmkd("retry", "grid")
    assert refused.returncode == 2
    assert f"--plugin={plugin}" in refused.stderr
    assert not marker.exists()
    assert len(slurm.calls("sbatch")) == calls

    words = shlex.split(refused.stderr.strip().splitlines()[-1].partition("once: ")[2])
    named = cmkd(*words[1:])
    assert named.returncode == 0, named.stderr
    assert marker.exists()
    assert len(slurm.calls("sbatch")) > calls

    again = cmkd("retry", "grid")
    assert again.returncode == 0, again.stderr
    assert f"--plugin={plugin}" in read_json(named_file())
    assert not named_file().is_relative_to(grid.experiment.root)


@pytest.mark.parametrize("command", ["status", "collect", "leaderboard", "cancel"])
def test_other_commands_execute_nothing(
    grid: Planned, slurm: FakeSlurm, cmkd: Command, plugin: Path, marker: Path, command: str
) -> None:
    fail(grid, slurm)
    store(grid, plugins=[str(plugin)])
    cmkd(command, "grid")
    assert not marker.exists()


def test_stored_shell_lines_are_refused_until_they_are_named(grid: Planned, slurm: FakeSlurm, cmkd: Command) -> None:
    fail(grid, slurm)
    store(grid, overrides=[*read_json(Ledger(grid.experiment).settings)["overrides"], SETUP])
    calls = len(slurm.calls("sbatch"))
    refused = cmkd("retry", "grid", "launcher.cpus=2")
    assert refused.returncode == 2
    assert SETUP in refused.stderr
    assert len(slurm.calls("sbatch")) == calls
    assert cmkd("retry", "grid", SETUP).returncode == 0
    assert len(slurm.calls("sbatch")) > calls
    fail(grid, slurm)
    assert cmkd("retry", "grid").returncode == 0


def test_own_experiments_ask_for_nothing(grid: Planned, slurm: FakeSlurm, cmkd: Command) -> None:
    fail(grid, slurm)
    done = cmkd("retry", "grid", "launcher.mem_gb=7")
    assert done.returncode == 0, done.stderr
    assert cmkd("retry", "grid").returncode == 0


def test_another_user_has_named_nothing(
    grid: Planned, slurm: FakeSlurm, cmkd: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    grid.submit("launcher.mem_gb=3")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "colleague"))
    refused = cmkd("retry", "grid")
    assert refused.returncode == 2
    assert "launcher.mem_gb=3" in refused.stderr


def test_a_job_executes_only_what_was_named(
    grid: Planned, slurm: FakeSlurm, plugin: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid.submit()
    ledger = Ledger(grid.experiment)
    file = ledger.file(ledger.submissions()[0])
    values = read_json(file)
    values["work"] |= {"plugins": [str(plugin)], "environment": {"LD_PRELOAD": "/tmp/x.so", "HF_HUB_OFFLINE": "1"}}
    write_json(file, values)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with pytest.raises(UserError, match="never named"):
        Job()(str(file), 0)
    assert not marker.exists()
    assert "LD_PRELOAD" not in os.environ
    assert os.environ["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize(("name", "value"), [("token", "../../../../victim"), ("job", "../1"), ("token", "ABC")])
def test_names_of_a_submission_form_no_path(grid: Planned, slurm: FakeSlurm, name: str, value: str) -> None:
    grid.submit()
    ledger = Ledger(grid.experiment)
    file = ledger.file(ledger.submissions()[0])
    write_json(file, read_json(file) | {name: value, "state": "abandoned"})
    with pytest.raises(UserError, match=f"{name} '?{value}"):
        ledger.submissions()
    file.rename(file.with_name("readme.json"))
    assert len(ledger.submissions()) == len(list(file.parent.glob("*.json"))) - 1


def test_where_it_is_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "x"))
    assert named_file() == tmp_path / "x" / "cmkd-bench" / "named.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert named_file() == tmp_path / ".config" / "cmkd-bench" / "named.json"


def test_a_file_that_cannot_be_written_or_read_is_named(
    grid: Planned, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match=str(tmp_path / "file")):
        grid.submit()
    assert not slurm.calls("sbatch")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "x"))
    named_file().parent.mkdir(parents=True)
    named_file().write_text("{}")
    with pytest.raises(UserError, match=r"named\.json"):
        grid.submit()
