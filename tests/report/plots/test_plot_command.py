"""`cmkd-bench plot` on a real experiment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cmkd_bench.cli.plot import plot
from cmkd_bench.errors import UserError


def test_it_lists_what_it_wrote_and_what_it_could_not_draw(
    quick_run: Callable[..., pd.DataFrame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick_run(methods=["c2kd"])
    results = tmp_path / "results"
    plot(["quick"], kind=["learning,logged", "critical"], formats="svg", results=results)
    shown = capsys.readouterr().out
    files = sorted((results / "quick" / "plots").iterdir())
    assert [file.name for file in files] == ["learning-mfeat-pixels-fourier.svg", "logged-c2kd-mfeat.svg"]
    assert all(str(file) in shown for file in files)
    assert "critical-differences: ranks can be compared over at least 3 directions" in shown

    with pytest.raises(UserError, match="unknown kind of picture 'learnin'"):
        plot(["quick"], kind=["learnin"], results=results)
    with pytest.raises(UserError, match="unknown experiment 'quik'"):
        plot(["quik"], results=results)
    history = next(results.glob("quick/runs/*/history.json"))
    history.write_text("[")
    plot(["quick"], kind=["learning"], results=results)
    assert f"damaged: {history} has 1 bytes instead of" in capsys.readouterr().err
