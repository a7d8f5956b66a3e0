"""The command line as a user meets it: exit codes, messages, and what is not imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from command_line import Command

QUICK = ["train.epochs=1", "--seeds", "1", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--methods", "c2dk"], "unknown method 'c2dk'. Did you mean 'c2kd'? Available: c2kd, cmcd,"),
        (["--datasets", "mfaet"], "unknown dataset 'mfaet'. Did you mean 'mfeat'? Available: ave,"),
        (["--pairs", "pixls:fourier"], "unknown pair 'pixls:fourier'. Did you mean 'pixels:fourier'?"),
        (["--pairs", "pixels"], "'pixels': expected two different modalities"),
        (["train.epoch=3"], "train.epoch=3: no such setting. Did you mean 'train.epochs'?"),
        (["method.c2kd.krc_treshold=0.1"], "Did you mean 'method.c2kd.krc_threshold'?"),
        (["method.c2kd.preset=official"], "Did you mean 'official_code'?"),
        (["model.student=mpl"], "model.student: unknown network 'mpl'. Did you mean 'mlp'?"),
        (["protocol=fare"], "Did you mean 'fair'?"),
        (["train.epochs"], "'train.epochs': expected KEY=VALUE"),
        (["train.epochs=1,2"], "train.epochs=1,2: expected a single value"),
        (["--trials", "1"], "--trials 1: expected at least 2"),
        (["--trials", "5", "train.select_on=last"], "mfeat has train.select_on=last"),
        (["--seeds", "0"], "--seeds 0: expected"),
        (["--seeds", "x"], "--seeds x: expected integers"),
        (["--folds", ","], "--folds ,: expected integers"),
        (["--experiment", "../x"], "experiment '../x': expected a name"),
        (["--plugin", "none.py"], "no such file"),
        (["--device", "gpu"], "launcher.device=gpu: expected auto, cpu or cuda."),
        (["--launcher", "slrum"], "Did you mean 'slurm'? Available: local, slurm."),
        (["launcher.partition=gpu"], "Add --launcher slurm."),
        (
            ["--launcher", "slurm", "launcher.timeout_min=1.5"],
            "launcher.timeout_min=1.5: expected int, got float (1.5)",
        ),
    ],
)
def test_a_mistake_is_one_clear_message_and_code_2(
    cmkd: Command, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = cmkd("run", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir()), "nothing was started"


def test_a_mistyped_option_or_command(cmkd: Command) -> None:
    assert "--methods" in cmkd("run", "--method", "kd").stderr
    done = cmkd("rum")
    assert done.returncode == 2
    assert "run" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["list"],
        ["list", "datasets"],
        ["list", "datasets", "ave"],
        ["run", "--methods", "c2dk"],
        ["run", "--datasets", "mfaet", "--pairs", "a:b", "train.epoch=3"],
    ],
)
def test_light_commands_import_no_torch(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys, json\n"
        "from cmkd_bench.cli.app import main\n"
        f"sys.argv = ['cmkd-bench', *{arguments!r}]\n"
        "main()\n"
        "heavy = ('torch', 'pandas', 'transformers', 'timm')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stderr.splitlines()[-1]) == []


def test_list_and_show(cmkd: Command) -> None:
    listed = cmkd("list").stdout
    assert "c2kd" in listed
    assert "watch" in listed
    lines = cmkd("list", "datasets").stdout.splitlines()
    assert lines[0].endswith("need no download")
    names = [line.split()[0] for line in lines[1:] if line.startswith(" ")]
    assert names.index("watch") < names.index("ave")
    for name, texts in (
        ("openmoji", ("CC BY-SA 4.0",)),
        ("mfeat", ("van Breukelen", "pixels:fourier, pixels:zernike")),
        ("watch", ("accelerometer (signal)",)),
        ("ave", ("train 3339, validation 402, test 402", "cmkd-bench check ave")),
    ):
        details = cmkd("list", "datasets", name).stdout
        for text in texts:
            assert text in details
    shown = cmkd("show", "c2kd").stdout
    for text in ("CVPR 2024", "krc_threshold", "released code", "method.c2kd.preset=official_code", "deviation from"):
        assert text in shown
    assert "epochs: 15" in cmkd("show", "config").stdout
    assert "Did you mean 'c2kd'?" in cmkd("show", "c2dk").stderr


def test_a_variant_is_shown_with_its_values_beside_the_defaults(cmkd: Command) -> None:
    def rows(text: str) -> dict[str, list[str]]:
        cells = [[part.strip() for part in line.split("│")[1:]] for line in text.splitlines() if line.startswith("│")]
        return {name: rest for name, *rest in cells if name}

    shown = cmkd("show", "c2kd(preset=official_code,krc_threshold=0.5)=mine").stdout
    assert shown.startswith("mine: ")
    assert rows(shown)["nontarget"][:2] == ["zeroed", "renormalized"]
    assert rows(shown)["krc_threshold"][0] == "0.5"
    wrong = cmkd("show", "kd(temprature=1)")
    assert wrong.returncode == 2
    assert "'method.kd.temperature'" in wrong.stderr
    assert "Did you mean 'kd'?" in cmkd("show", "kdd(temperature=1)").stderr


def test_run_then_leaderboard(cmkd: Command, tmp_path: Path) -> None:
    plan = cmkd("run", *QUICK, "--methods", "kd", "--dry-run")
    # teacher, untrained teacher, student alone, and five rows with a run of their own
    assert "8 runs (0 done, 8 to do)" in plan.stdout
    assert not (tmp_path / "results").exists()

    done = cmkd("run", *QUICK, "--methods", "kd")
    assert done.returncode == 0, done.stderr
    assert "pixels → fourier" in done.stdout
    experiment = tmp_path / "results" / "fair+train.epochs=1"
    frame = pd.read_csv(experiment / "results.csv")
    assert set(frame.status) == {"done"}
    assert set(frame.method) == {"teacher", "none", "kd", "kd_shuffled", "kd_random", "kd_self", "label_smoothing"}

    board = cmkd("leaderboard").stdout
    gain, value = (line for line in board.splitlines() if line.startswith("│ kd "))  # of the verdict and of the table
    kd = frame[frame.method == "kd"]
    assert f"{kd.gain.item():+.1f}" in gain
    assert f"{kd.value.item():.2f}" in value
    assert "| kd |" in (experiment / "leaderboard.md").read_text()
    again = cmkd("run", *QUICK, "--methods", "kd", "--dry-run")
    assert "0 to do" in again.stdout


def test_some_runs_failed_is_code_3(cmkd: Command) -> None:
    plugin = Path(__file__).parent / "plugins" / "failing.py"
    done = cmkd("run", *QUICK, "--methods", "raises", "--no-controls", "--plugin", str(plugin))
    assert done.returncode == 3
    assert "LookupError: the method's own words" in done.stdout


def test_an_experiment_keeps_its_conditions(cmkd: Command) -> None:
    place = ["--experiment", "mine", "--methods", "kd", "--no-controls"]
    assert cmkd("run", *QUICK, *place).returncode == 0
    changed = cmkd("run", *QUICK, "train.batch_size=32", *place)
    assert changed.returncode == 2
    assert "mfeat: train.batch_size=32" in changed.stderr
    method = cmkd("run", *QUICK, "method.kd.temperature=2.0", *place)
    assert method.returncode == 0
    assert "kd: the settings or the code differ from those of an earlier command" in method.stdout


def test_no_experiment_yet(cmkd: Command) -> None:
    done = cmkd("leaderboard")
    assert done.returncode == 2
    assert "Start one with: cmkd-bench run" in done.stderr
