"""The local launcher with several teachers: one that failed blocks its student, and both are retried together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from command_line import Command

import cmkd_bench

DELICATE = Path(__file__).parent.parent / "plugins" / "delicate.py"


def test_the_further_teacher_that_failed_is_named_and_retried_with_its_student(
    quick_run: Callable[..., pd.DataFrame], cmkd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(**changes: bool) -> pd.DataFrame:
        networks = ["train.epochs=2", "model.student=delicate", "model.teacher=delicate"]
        given = {"methods": ["kd_ensemble"], "pairs": ["fourier:pixels"], "plugins": [DELICATE]}
        return quick_run(**given, overrides=networks, results=Path("results"), **changes).set_index("method")

    monkeypatch.setenv("DELICATE_INPUTS", "240")  # so many pixels: also the teacher of both modalities fails
    frame = run()
    assert frame.status.to_dict() == {"teacher": "done", "none": "failed", "kd_ensemble": "blocked"}
    runs = cmkd_bench.load_runs("quick").set_index("student_modality")
    cause = f"teacher {runs.run_id['pixels+fourier']} (composite, pixels+fourier) failed: non-finite loss"
    assert frame.error["kd_ensemble"].startswith(cause)
    assert f"1 blocked: {cause}" in cmkd("status", "quick").stdout
    assert "blocked" in cmkd("leaderboard", "quick", "--format", "markdown").stdout
    monkeypatch.delenv("DELICATE_INPUTS")
    assert set(run(retry_failed=True).status) == {"done"}
