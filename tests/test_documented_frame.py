"""The documents' lines of pandas give the leaderboard's numbers."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cmkd_bench

USAGE = (Path(__file__).parent.parent / "docs" / "usage.md").read_text(encoding="utf-8")
(LINES,) = [block for block in re.findall(r"```python\n(.*?)```", USAGE, re.DOTALL) if "cmkd_bench.run(" in block]


def test_the_lines_of_the_documents_compute_the_leaderboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"seeds": 2, "pairs": ["pixels:fourier"], "overrides": ["train.epochs=2"], "results": tmp_path}
    run = functools.partial(cmkd_bench.run, experiment="quick", quiet=True, jobs=1)
    monkeypatch.setattr(cmkd_bench, "run", lambda **asked: run(**asked | small))
    found: dict[str, Any] = {}
    exec(LINES, found)
    board = pd.read_csv(tmp_path / "quick" / "leaderboard.csv")
    assert set(board.role) == {"method", "control", "baseline", "teacher"}
    assert len(found["means"]) == len(board)
    for line in board.itertuples():
        place = (line.dataset, line.teacher_modality, line.student_modality)
        ours = found["means"].loc[(*place, line.row, False)]
        assert ours.value == pytest.approx(line.mean)
        if line.role in ("method", "control"):
            assert ours.gain == pytest.approx(line.gain, abs=1e-9)
        if line.role == "method":
            assert found["gains"].loc[(line.row, False), place] == pytest.approx(line.gain, abs=1e-9)
    assert found["gains"].shape == (2, 2)
