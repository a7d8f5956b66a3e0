"""A run whose method deploys more than its student: what is tested, counted, saved and loaded again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import cmkd_bench
from cmkd_bench.config.roots import Roots
from cmkd_bench.diagnostics.saved import SavedRuns
from cmkd_bench.experiment.store import Experiment

STUDENT = 76 * 64 + 64 + 64 * 64 + 64  # the small network without its head, for the 76 numbers of `fourier`
PROJECTION = 64 * 32 + 32 * 32 + 32 * 64 + 2 * (32 + 32 + 64)
HEAD = 64 * 10 + 10


def test_simkd_is_saved_with_its_projection_and_the_head_of_the_teacher(tmp_path: Path) -> None:
    table = cmkd_bench.run(
        ["simkd"], ["mfeat"], pairs=["pixels:fourier"], seeds=1, overrides=["train.epochs=2"], experiment="quick",
        results=tmp_path, jobs=1, controls=False, one_way=True, quiet=True,
    )  # fmt: skip
    rows = table.set_index("method")
    assert rows.loc["simkd", "student_parameters"] == STUDENT + PROJECTION + HEAD
    assert rows.loc["none", "student_parameters"] == STUDENT + HEAD
    experiment, run = Experiment(tmp_path, "quick"), rows.loc["simkd", "run_id"]
    weights = load_file(experiment.run(run).weights)
    assert {name.partition(".")[0] for name in weights} == {"body", "neck", "head"}
    teacher = load_file(experiment.run(rows.loc["teacher", "run_id"]).weights)
    assert torch.equal(weights["head.weight"], teacher["head.weight"])
    side = SavedRuns(experiment, torch.device("cpu"), Roots()).side(run)  # checks the logits against the saved ones
    found = side.embedding @ weights["head.weight"].T + weights["head.bias"]
    assert found.numpy() == pytest.approx(side.logits.numpy(), abs=1e-3)
