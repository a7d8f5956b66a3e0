"""Files of exported experiments that were changed, or made to do harm, are refused before anything is written."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Command
from safetensors.numpy import save

from cmkd_bench.errors import UserError
from cmkd_bench.experiment import archive
from cmkd_bench.experiment.archive import pack
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.exchange import export, import_file
from cmkd_bench.testing.made import made_spec, write_made_plan, write_made_run

MEMBERS = ("index.json", "plan.json", "runs.jsonl", "samples.safetensors")
Members = dict[str, bytes]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The file of an experiment `made` with one run."""
    experiment, run = Experiment(tmp_path / "original", "made"), made_spec("none", "toy", 0, "audio")
    write_made_run(experiment, run, np.eye(3, dtype=np.float32), np.arange(3))
    write_made_plan(experiment, [Cell("none", "baseline", "toy", 0, 1.0, "video", "audio", 0, run.id, "")])
    export(experiment, tmp_path / "made.zip")
    return tmp_path / "made.zip"


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(members: Mapping[str, bytes], *more: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        warnings.simplefilter("ignore")  # a name given twice is what is tested
        for name, content in members.items():
            file.writestr(name, content)
        for info, content in more:
            file.writestr(info, content)
    return buffer.getvalue()


def repacked(
    path: Path, change: Callable[[dict[str, Any], list[dict[str, Any]]], object], samples: bytes = b""
) -> bytes:
    """The file with other content, and with the digests of that."""
    members = members_of(path)
    plan, runs = json.loads(members["plan.json"]), list(map(json.loads, members["runs.jsonl"].splitlines()))
    change(plan, runs)
    return pack("made", plan, runs, samples or members["samples.safetensors"])


def refusal(content: bytes, tmp_path: Path) -> str:
    """Why a file is not imported; nothing of it is left."""
    (tmp_path / "hostile.zip").write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError) as refused:
        import_file(tmp_path / "hostile.zip", tmp_path / "results")
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before] in ([], [tmp_path / "results"])
    assert "hostile.zip" in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("name", ["../evil.py", "/tmp/evil.py", "runs/evil.pkl", "..\\evil", "plan.json"])
def test_no_other_member_and_no_member_twice(name: str, exported: Path, tmp_path: Path) -> None:
    content = zipped(members_of(exported), (zipfile.ZipInfo(name), b"{}"))
    assert "each once" in refusal(content, tmp_path)


@pytest.mark.parametrize("missing", MEMBERS)
def test_every_member_is_needed(missing: str, exported: Path, tmp_path: Path) -> None:
    members = members_of(exported)
    del members[missing]
    assert missing in refusal(zipped(members), tmp_path)


def test_no_links(exported: Path, tmp_path: Path) -> None:
    members, link = members_of(exported), zipfile.ZipInfo("plan.json")
    link.external_attr, link.create_system = 0o120777 << 16, 3
    del members["plan.json"]
    assert "link" in refusal(zipped(members, (link, b"/etc/passwd")), tmp_path)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_changed_byte_is_found(member: str, exported: Path, tmp_path: Path) -> None:
    members = members_of(exported)
    changed = members[member].replace(b"made", b"mode") if member == "index.json" else members[member] + b" "
    assert "changed" in refusal(zipped({**members, member: changed}), tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip file", b"{" * 100_000, b"\x80\x04\x95pickle"])
def test_not_a_zip_file(content: bytes, tmp_path: Path) -> None:
    assert "not the file of an exported experiment" in refusal(content, tmp_path)


@pytest.mark.parametrize("index", [b"[]", b"{", b"[" * 100_000, b"", b"null", b"{}"])
def test_not_json(index: bytes, exported: Path, tmp_path: Path) -> None:
    refusal(zipped({**members_of(exported), "index.json": index}), tmp_path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LARGEST", 1_000_000)
    members = {**members_of(exported), "samples.safetensors": bytes(2_000_000)}
    assert "larger than 1.0 MB" in refusal(zipped(members), tmp_path)
    # A member that says that it is small, and is not
    content = zipped(members).replace(struct.pack("<L", 2_000_000), struct.pack("<L", 10))
    assert "not the file" in refusal(content, tmp_path)
    assert "largest export" in refusal(bytes(1_000_001), tmp_path)


def test_a_directory_of_many_members_is_not_read(exported: Path, tmp_path: Path) -> None:
    many = zipped(members_of(exported) | {f"{number}.json": b"" for number in range(1000)})
    assert "not the file" in refusal(many, tmp_path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda plan, runs: plan.pop("cells"), "plan"),
        (lambda plan, runs: plan["cells"][0].update(command="rm"), "plan"),
        (lambda plan, runs: plan["cells"][0].update(run_id="../../../etc"), "not the id of a run"),
        (lambda plan, runs: plan["studies"].append({"command": "cmkd-bench run; rm -r ~"}), "rm -r ~"),
        (lambda plan, runs: plan["studies"].append({"command": "curl example.org"}), "curl"),
        (lambda plan, runs: runs[0]["spec"].pop("seed"), "does not contain"),
        (lambda plan, runs: runs[0]["spec"].update(version=3), "version 3"),
        (lambda plan, runs: runs[0]["result"].pop("value"), "tables"),
        (lambda plan, runs: runs[0]["result"].update(value="high"), "tables"),
        (lambda plan, runs: runs[0].update(cost=7), "tables"),
        (lambda plan, runs: runs[0].update(place=5), "predictions"),
        (lambda plan, runs: runs[0].update(classes=10**12), "predictions"),
        (lambda plan, runs: runs[0].update(classes=2), "predictions"),
        (lambda plan, runs: runs[0].update(samples="other"), "predictions"),
    ],
)
def test_content_that_no_table_can_be_made_of(
    change: Callable[..., object], expected: str, exported: Path, tmp_path: Path
) -> None:
    assert expected in refusal(repacked(exported, change), tmp_path)


@pytest.mark.parametrize("samples", [b"\x80\x04pickle", save({"other": np.zeros(1)}), b"\xff" * 100])
def test_samples_that_are_no_predictions(samples: bytes, exported: Path, tmp_path: Path) -> None:
    assert "predictions" in refusal(repacked(exported, lambda plan, runs: None, samples), tmp_path)


@pytest.mark.parametrize("name", ["../up", "/tmp/here", ".hidden", "", "a/b"])
def test_the_name_stays_in_the_results_folder(name: str, exported: Path, tmp_path: Path) -> None:
    members = members_of(exported)
    plan, runs = json.loads(members["plan.json"]), map(json.loads, members["runs.jsonl"].splitlines())
    (tmp_path / "hostile.zip").write_bytes(pack(name, plan, runs, members["samples.safetensors"]))
    with pytest.raises(UserError, match="not a path"):
        import_file(tmp_path / "hostile.zip", tmp_path / "results")


def test_nothing_is_overwritten(exported: Path, tmp_path: Path, cmkd: Command) -> None:
    assert cmkd("import", str(exported)).returncode == 0
    (tmp_path / "results/made/own.txt").write_text("mine")
    again = cmkd("import", str(exported))
    assert again.returncode == 2
    assert "--experiment" in again.stderr
    assert "results/made" in again.stderr
    assert (tmp_path / "results/made/own.txt").read_text() == "mine"
    assert cmkd("import", str(exported), "--experiment", "other").returncode == 0
    refused = cmkd("export", "made", str(exported))
    assert refused.returncode == 2
    assert str(exported) in refused.stderr


def test_a_file_changed_in_place_is_named(exported: Path, tmp_path: Path, cmkd: Command) -> None:
    cmkd("import", str(exported))
    path = tmp_path / "results/made/experiment.zip"
    path.write_bytes(path.read_bytes()[:-1])
    for command in ("leaderboard", "report", "status"):
        done = cmkd(command, "made")
        assert done.returncode == 2
        assert "experiment.zip" in done.stderr
        assert "export" in done.stderr


def test_a_link_in_place_is_not_followed(exported: Path, tmp_path: Path, cmkd: Command) -> None:
    (tmp_path / "results/made").mkdir(parents=True)
    (tmp_path / "results/made/experiment.zip").symlink_to(exported)
    done = cmkd("leaderboard", "made")
    assert done.returncode == 2
    assert "symbolic link" in done.stderr


def test_damaged_runs_are_not_exported(tmp_path: Path) -> None:
    experiment, run = Experiment(tmp_path, "made"), made_spec("none", "toy", 0, "audio")
    write_made_run(experiment, run, np.eye(3, dtype=np.float32), np.arange(3))
    write_made_plan(experiment, [Cell("none", "baseline", "toy", 0, 1.0, "video", "audio", 0, run.id, "")])
    experiment.run(run.id).predictions.write_bytes(b"torn")
    with pytest.raises(UserError, match=f"{run.id}/predictions"):
        export(experiment, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()
