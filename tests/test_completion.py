"""What the shell completes, and that it takes no torch; and the version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import Command

from cmkd_bench.cli import completion
from cmkd_bench.experiment.files import write_json


def test_the_version_is_that_of_the_package(cmkd: Command) -> None:
    done = cmkd("--version")
    assert done.returncode == 0
    assert done.stdout.startswith(f"cmkd-bench {version('cmkd-bench')}")


def complete(folder: Path, *words: str) -> list[str]:
    """The completions of the last word in Bash, by a process that must not import anything heavy."""
    code = (
        "import sys, json\nfrom cmkd_bench.cli.app import main\nmain([])\n"
        "heavy = ('torch', 'pandas', 'matplotlib', 'hydra')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]), file=sys.stderr)"
    )
    line = ["cmkd-bench", *words]
    asked = {"COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(line) - 1), "_CMKD_BENCH_COMPLETE": "complete_bash"}
    environment = {**os.environ, **asked}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stderr.splitlines()[-1]) == []
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "--methods", "c2"], ["c2kd"]),
        (["run", "--methods", "kd,c2"], ["kd,c2kd"]),
        (["run", "--datasets", "mf"], ["mfeat"]),
        (["plot", "--kind", "ga"], ["gains", "gap"]),
        (["leaderboard", "fa"], ["fair", "fair+fixture"]),
        (["leade"], ["leaderboard"]),
    ],
)
def test_names_are_completed_in_the_shell(tmp_path: Path, words: list[str], expected: list[str]) -> None:
    for name in ("fair", "fair+fixture", "other"):
        (tmp_path / "results" / name).mkdir(parents=True)
        write_json(tmp_path / "results" / name / "plan.json", {})
    assert complete(tmp_path, *words) == expected


def test_no_name_is_proposed_twice() -> None:
    assert "kd" in completion.methods("")
    assert "dkd,kd" in completion.methods("dkd,")
    assert "kd,kd" not in completion.methods("kd,")
    assert completion.methods("no_such") == []
    assert completion.methods("dkd,kd(alpha=1,t") == []


def test_every_kind_of_name() -> None:
    assert completion.anything("c2") == ["c2kd"]
    assert completion.anything("conf") == ["config"]
    assert completion.kinds_to_list("d") == ["datasets"]
    assert completion.launchers("s") == ["slurm"]
    assert completion.devices("") == ["cpu", "cuda"]
    assert completion.reproductions("mfh-g") == ["mfh-gamma"]
    assert completion.plots("gains,tr") == ["gains,transfer"]
