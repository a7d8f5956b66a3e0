"""What decides how a CPU rounds is recorded by each run, and the page shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.experiment_data import read_experiment
from cmkd_bench.report.page.protocol import environments


def test_a_run_records_its_processor_and_the_page_shows_it(
    quick_run: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    (run_id,) = quick_run(methods=["label_smoothing"]).query("method == 'label_smoothing'").run_id
    experiment = Experiment(tmp_path / "results", "quick")
    cost = read_json(experiment.run(run_id).cost)
    assert f"CPU capability usage: {cost['instructions']}\n" in torch.__config__.show()
    assert cost["threads"] == 1
    assert cost["cpu"]
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    assert not models or cost["cpu"] == models[0].strip()
    ((_, _, device, *_),) = environments(read_experiment(experiment)).rows
    assert device.endswith(f", {cost['cpu']}, {cost['instructions']}, 1 thread")
