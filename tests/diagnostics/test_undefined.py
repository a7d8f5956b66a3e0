"""Diagnostics of methods that are not defined for a direction."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmkd_bench.diagnostics.collect import Question, find_cells
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.testing.made import write_made_plan

BOTH, WHY = "audio+video", "it needs different teachers"


@pytest.mark.parametrize("pairs", [None, [(BOTH, "video")]])
def test_the_reason_is_given_and_no_command_that_could_not_help(
    tmp_path: Path, pairs: list[tuple[str, str]] | None
) -> None:
    experiment = Experiment(tmp_path, "made")
    place = ("toy", 0, 1.0, BOTH, "video", 0)
    cells = [
        Cell("none", "baseline", *place, "a" * 12, "b" * 12),
        Cell("ens", "method", *place, "", "b" * 12, impossible=WHY),
    ]
    experiment.path.mkdir()
    write_made_plan(experiment, cells)
    with pytest.raises(UserError, match=rf"ens is not defined for audio\+video → video: {WHY}") as caught:
        find_cells(experiment, Question("toy", pairs, methods=["ens"]))
    assert "cmkd-bench run" not in str(caught.value)
