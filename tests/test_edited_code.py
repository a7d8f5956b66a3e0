"""A number belongs to the code beside it: what happens when a plug-in, or a module beside it, is edited."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import Command, without_plugins

from cmkd_bench import api
from cmkd_bench.experiment import code_identity

Run = Callable[..., pd.DataFrame]
PLUGIN = '''\
"""Cross-entropy of scaled logits."""

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, register_method
from scale import SCALE


@register_method("scaled")
class Scaled(Method):
    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(SCALE * student.logits, batch.labels)}
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "scaled.py"
    file.write_text(PLUGIN)
    scale(file, 1.0)
    with without_plugins():
        yield file


def scale(plugin: Path, factor: float) -> None:
    (plugin.parent / "scale.py").write_text(f"SCALE = {factor}\n")


def row(frame: pd.DataFrame) -> pd.Series:
    (found,) = (one for _, one in frame[frame.method == "scaled"].iterrows())
    return found


@pytest.mark.parametrize("edit", ["plugin", "helper"])
def test_edited_code_is_run_again_also_in_another_experiment(quick_run: Run, plugin: Path, edit: str) -> None:
    def after(factor: float) -> None:
        if edit == "helper":
            scale(plugin, factor)
        else:
            plugin.write_text(PLUGIN.replace("SCALE *", f"{factor} * SCALE *"))

    first = row(quick_run(methods=["scaled"], plugins=[plugin]))
    after(-5.0)
    same, other = (row(quick_run(methods=["scaled"], plugins=[plugin], experiment=name)) for name in ("quick", "other"))
    assert same.value != first.value, "another loss has another number"
    assert (same.run_id, same.value) == (other.run_id, other.value)
    assert same.run_id != first.run_id
    scale(plugin, 1.0)
    plugin.write_text(f"{PLUGIN}# as it was\n")
    back = row(quick_run(methods=["scaled"], plugins=[plugin]))
    assert (back.run_id, back.value) == (first.run_id, first.value)


def test_a_table_does_not_mix_two_versions_of_a_method(quick_run: Run, plugin: Path, tmp_path: Path) -> None:
    def cells() -> set[tuple[str, int]]:
        plan = json.loads((tmp_path / "results" / "quick" / "plan.json").read_text())
        return {(cell["method"], cell["seed"]) for cell in plan["cells"]}

    quick_run(methods=["scaled", "kd"], plugins=[plugin], seeds=2)
    everything = {(method, seed) for method in ("none", "scaled", "kd") for seed in (0, 1)}
    assert cells() == everything
    scale(plugin, 2.0)
    quick_run(methods=["scaled"], plugins=[plugin], seeds=1)
    assert cells() == everything - {("scaled", 1)}, "the other seed's number is of the earlier code"


def test_the_command_says_so_and_names_where_the_code_came_from(cmkd: Command, plugin: Path, tmp_path: Path) -> None:
    quick = ["train.epochs=1", "--pairs", "pixels:fourier", "--one-way", "--no-controls", "--jobs", "1"]
    grid = ["run", "--plugin", str(plugin), "--methods", "scaled", "--datasets", "mfeat", *quick, "--seeds"]
    experiment = ["--experiment", "one"]
    first = cmkd(*grid, "2", *experiment)
    assert first.returncode == 0, first.stderr
    assert "Code: scaled from scaled.py, " in first.stdout
    assert "all else built in, cmkd-bench" in first.stdout
    scale(plugin, 2.0)
    dry = cmkd(*grid, "2", *experiment, "--dry-run")
    assert "2 to do" in dry.stdout
    again = cmkd(*grid, "1", *experiment)
    assert "scaled: the settings or the code differ from those of an earlier command" in again.stdout
    assert "scaled.py, " in (tmp_path / "results" / "one" / "leaderboard.md").read_text()
    results = pd.read_csv(tmp_path / "results" / "one" / "results.csv")
    (code,) = set(results[results.method == "scaled"].method_code)
    (cost,) = (
        json.loads((tmp_path / "results" / "one" / "runs" / run_id / "cost.json").read_text())
        for run_id in results[results.method == "scaled"].run_id
    )
    assert cost["sources"]["method"] == code
    assert cost["sources"]["dataset"].startswith("built in, cmkd-bench")
    page = cmkd("report", "one")
    assert page.returncode == 0, page.stderr
    assert code in (tmp_path / "results" / "one" / "report.html").read_text()


def test_a_run_whose_code_changed_after_planning_is_not_run(
    quick_run: Run, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = api._launch

    def launch_later(*arguments: Any) -> None:
        scale(plugin, 3.0)
        code_identity._known.clear()  # as in a job that starts after the edit
        launch(*arguments)

    monkeypatch.setattr(api, "_launch", launch_later)
    failed = row(quick_run(methods=["scaled"], plugins=[plugin]))
    assert failed.status == "failed"
    assert failed.error.startswith("code changed: the code of the method is not the one")
    monkeypatch.undo()
    done = row(quick_run(methods=["scaled"], plugins=[plugin]))
    assert (done.status, done.run_id != failed.run_id) == ("done", True)
