"""`cmkd-bench doctor`: what it says of a machine whose state the test has made, and its exit code."""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

import pytest
from command_line import Command

from cmkd_bench.doctor import Finding, all_is_there
from cmkd_bench.doctor.folders import check_data, check_folders, mount_of
from cmkd_bench.doctor.installation import check_hub, check_python
from cmkd_bench.doctor.scheduler import check_slurm


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    assert len({one.subject for one in findings}) == len(findings)
    return {one.subject: one for one in findings}


def fake(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_the_command_prints_plain_lines_and_ends_with_0_where_nothing_is_missing(
    cmkd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CMKD_PREPARED_ROOT", str(tmp_path))
    for name in ("CMKD_DATA_ROOT", "CMKD_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    done = cmkd("doctor", "--results", str(tmp_path / "results"))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"ok       Python: {sys.version_info.major}.{sys.version_info.minor}.")
    assert any(line.startswith("note     SLURM: not found") for line in lines)
    assert "\x1b" not in done.stdout
    assert not list(tmp_path.iterdir()), "it only looks"


def test_what_is_missing_is_named_at_the_end_with_code_3(cmkd: Command, commands: Path) -> None:
    done = cmkd("doctor", "--slurm", "--results", "results")
    assert done.returncode == 3
    assert "missing  SLURM: not found -> " in done.stdout
    assert done.stdout.splitlines()[-1] == "Missing: SLURM."


def test_a_package_outside_its_range_or_absent_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[project]\nname = "cmkd-bench"\nrequires-python = ">=3.99"\n'
        "dependencies = ['pytest>=1', 'numpy<1', 'there-is-no-such-package>=2', 'nowhere; sys_platform == \"never\"']\n"
    )
    monkeypatch.setattr("cmkd_bench.doctor.installation.PYPROJECT", project)
    found = by_subject(list(check_python()))
    assert {name: one.verdict for name, one in found.items()} == {
        "Python": "missing",
        "numpy": "missing",
        "there-is-no-such-package": "missing",
        "packages": "ok",
    }
    assert found["numpy"].advice == "pip install 'numpy<1'"
    assert found["there-is-no-such-package"].found == "not installed (>=2)"
    assert found["packages"].found == f"pytest {pytest.__version__}"
    assert not all_is_there(found.values())


def test_a_results_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    fine = by_subject(list(check_folders(tmp_path / "not" / "yet")))
    assert fine["results"].verdict == "ok"
    assert "created when needed" in fine["results"].found
    assert not (tmp_path / "not").exists()
    read_only = by_subject(list(check_folders(Path("/proc/self"))))
    assert read_only["results"].verdict == "missing"
    assert read_only["flock"].verdict == "missing"


def test_locks_that_exclude_nobody_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert by_subject(list(check_folders(tmp_path)))["flock"].verdict == "ok"
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    found = by_subject(list(check_folders(tmp_path)))["flock"]
    assert (found.verdict, found.found) == ("missing", f"locks in {tmp_path} have no effect")


def test_locks_that_hold_on_one_node_only_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = ("lustre", ["rw", "localflock"])
    monkeypatch.setattr("cmkd_bench.doctor.folders.mount_of", lambda _: mounted)
    found = by_subject(list(check_folders(tmp_path)))["flock"]
    assert found.verdict == "missing"
    assert "lustre" in found.found


def test_the_mount_is_the_innermost(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text(
        "root / ext4 rw 0 0\nscratch /scratch lustre rw,localflock 0 0\nmine /scratch/my\\040own nfs4 rw,hard 0 0\n"
    )
    assert mount_of(Path("/home/me"), table) == ("ext4", ["rw"])
    assert mount_of(Path("/scratch"), table) == ("lustre", ["rw", "localflock"])
    assert mount_of(Path("/scratch/my own/results"), table) == ("nfs4", ["rw", "hard"])
    assert mount_of(Path("/scratch2"), table) == ("ext4", ["rw"])


def test_datasets_and_prepared_sets_that_are_there(
    cmkd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, prepared = tmp_path / "data", tmp_path / "prepared"
    assert cmkd("fixture", "cremad", "--out", str(data / "cremad"), "--clips", "8").returncode == 0
    (prepared / "cremad" / "0123").mkdir(parents=True)
    (prepared / "cremad" / "0123" / "manifest.json").write_text("{}")
    (prepared / "ave" / "4567").mkdir(parents=True)  # begun, never completed
    monkeypatch.setenv("CMKD_DATA_ROOT", str(data))
    monkeypatch.setenv("CMKD_PREPARED_ROOT", str(prepared))
    monkeypatch.delenv("CMKD_WEIGHTS", raising=False)
    found = by_subject(list(check_data()))
    assert found["CMKD_DATA_ROOT"] == Finding("CMKD_DATA_ROOT", f"{data}: cremad")
    assert found["CMKD_PREPARED_ROOT"] == Finding("CMKD_PREPARED_ROOT", f"{prepared}: cremad (1 set)")
    monkeypatch.setenv("CMKD_DATA_ROOT", str(tmp_path / "gone"))
    monkeypatch.setenv("CMKD_WEIGHTS", str(tmp_path / "gone"))
    found = by_subject(list(check_data()))
    assert found["CMKD_DATA_ROOT"].verdict == "missing"
    assert found["CMKD_WEIGHTS"].verdict == "missing"


def test_the_hub_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    (found,) = check_hub()
    assert found.found == f"pretrained weights are downloaded to {tmp_path} when needed"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (found,) = check_hub()
    assert found.found == f"HF_HUB_OFFLINE is set: pretrained weights are only read from {tmp_path}"


def test_half_a_slurm(commands: Path) -> None:
    fake(commands, "sbatch", "exit 0")
    (found,) = check_slurm(needed=True)
    assert (found.verdict, found.found) == ("missing", "no squeue, scancel, scontrol on PATH")


def test_a_controller_that_is_silent_holds_nothing_up(commands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sbatch", "squeue", "scancel"):
        fake(commands, name, "exit 1")
    fake(commands, "scontrol", "exec /bin/sleep 60")
    with monkeypatch.context() as impatient:
        impatient.setattr("cmkd_bench.doctor.scheduler.ANSWER_SECONDS", 0.2)
        found = by_subject(list(check_slurm(needed=True)))
    assert found["commands"].verdict == "ok"
    assert found["controller"].verdict == "missing"
    assert found["controller"].found.startswith("scontrol did not answer")
    fake(commands, "scontrol", "echo 'slurm_load_ctl_conf error: Unable to contact slurm controller' >&2; exit 1")
    found = by_subject(list(check_slurm(needed=False)))
    assert found["controller"].verdict == "note"
    assert "Unable to contact slurm controller" in found["controller"].found


def test_a_cluster_without_arrays_with_a_partition_that_is_down(commands: Path) -> None:
    for name in ("sbatch", "squeue", "scancel"):
        fake(commands, name, "exit 0")
    said = ["MaxArraySize            = 0", "PreemptType             = preempt/qos", "SlurmctldParameters     = (null)"]
    fake(commands, "scontrol", "cat <<END\n" + "\n".join(said) + "\nEND")
    (commands / "cat").symlink_to("/bin/cat")
    fake(commands, "sinfo", "echo 'gpu*|down|2-00:00:00|8|64|512000|gpu:a100:4'")
    found = by_subject(list(check_slurm(needed=True)))
    assert found["controller"].verdict == "missing"
    partition = found["partition gpu (default)"]
    assert partition.found == "8 nodes of 64 CPUs, 512000 MB, gpu:a100:4; time limit 2-00:00:00; down"
    assert partition.verdict == "note"
    assert found["accounting"].found.startswith("no sacct on PATH")
    assert "last checkpoint" in found["preemption"].found
