"""What is not finite ends a run as failed, with the place named: gradients, logits, inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from command_line import without_plugins
from torch import Tensor, nn

import cmkd_bench
from cmkd_bench.config.augmentation import NO_AUGMENTATION
from cmkd_bench.config.roots import Roots
from cmkd_bench.data.finite import check_finite
from cmkd_bench.dataset import PairedData
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import load_plugin
from cmkd_bench.training.evaluation import NonFiniteOutput, evaluate
from cmkd_bench.training.loop import NonFiniteLoss
from cmkd_bench.training.tensors import Part, Resident
from cmkd_bench.training.vectorized import execute_vectorized
from cmkd_bench.training.views import View

PLUGIN = Path(__file__).parent.parent / "plugins" / "not_finite.py"


def data_with(value: float, dtype: str = "float64") -> PairedData:
    inputs = np.zeros((6, 2), dtype)
    inputs[4, 1] = value
    return PairedData(
        inputs={"fine": np.zeros((6, 3), np.float32), "text": np.array(list("abcdef")), "broken": inputs},
        labels=np.zeros(6, np.int64),
        parts={"train": np.arange(3), "validation": np.array([3]), "test": np.array([4, 5])},
        sample_ids=np.array([f"s{row}" for row in range(6)]),
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_an_input_that_is_not_finite_is_named_by_row_and_modality(value: float) -> None:
    with pytest.raises(UserError, match=r"dataset 'toy': 1 rows of 'broken' .* row 4 \(sample s4\)"):
        check_finite("toy", data_with(value))


def test_finite_inputs_pass_and_rows_in_no_part_do_not_matter() -> None:
    check_finite("toy", data_with(1e38))
    data = data_with(np.nan)
    check_finite("toy", replace(data, parts={**data.parts, "test": np.array([5])}))


def test_of_arrays_on_disk_the_sums_are_checked() -> None:
    data = data_with(0.0)
    sums = np.zeros((6, 1, 3))
    sums[1, 0, 0] = 1e300  # a sum may be larger than any float32
    check_finite("toy", replace(data, moments={"broken": sums}))
    sums[2, 0, 1] = np.nan
    with pytest.raises(UserError, match=r"'broken' .* row 2 \(sample s2\)"):
        check_finite("toy", replace(data, moments={"broken": sums}))


class _Broken(nn.Module):
    """Logits that are not finite for the rows whose input is negative."""

    def forward(self, inputs: Tensor, layers: object) -> Any:
        logits = torch.where(inputs[:, :1] < 0, torch.nan, torch.ones(len(inputs), 3))
        return Outputs(logits, inputs, {})


def test_logits_that_are_not_finite_are_no_score() -> None:
    inputs = torch.ones(5, 2)
    labels, views = torch.zeros(5, dtype=torch.int64), {"audio": View("vector", NO_AUGMENTATION)}
    part = Part({"audio": Resident(inputs)}, labels, views, name="test")
    assert evaluate(_Broken(), part, "audio", 3).value == 100.0
    inputs[[1, 3]] = -1
    with pytest.raises(NonFiniteOutput, match=r"'audio' are not finite in 2 of 5 rows of the test part; .* row 1"):
        evaluate(_Broken(), part, "audio", 3)


def run(tmp_path: Path, *overrides: str) -> pd.DataFrame:
    frame = cmkd_bench.run(
        ["last_gradient"], ["mfeat"], pairs=["pixels:fourier"], seeds=1, overrides=["train.epochs=2", *overrides],
        experiment="broken", results=tmp_path, jobs=1, controls=False, one_way=True, quiet=True, plugins=[PLUGIN],
    )  # fmt: skip
    return frame.set_index("method")


def test_a_gradient_of_the_last_step_fails_the_run(tmp_path: Path) -> None:
    found = run(tmp_path).loc["last_gradient"]
    assert found.status == "failed"
    assert found.error.startswith("non-finite loss: the gradient of the loss is not finite in 6 of 6 parameters")
    assert "in the last step of epoch 2 of phase 'train'" in found.error


def test_logits_of_the_selecting_part_fail_the_run(tmp_path: Path) -> None:
    found = run(tmp_path, "model.student=fails_when_measured", "model.teacher=mlp").loc["last_gradient"]
    assert found.status == "failed"
    assert found.error.startswith("non-finite output: the network's logits for 'fourier' are not finite in 200 of 200")
    assert "validation part" in found.error


@pytest.fixture
def plugin() -> Iterator[None]:
    with without_plugins():
        load_plugin(PLUGIN)
        yield


@pytest.mark.usefixtures("plugin")
def test_runs_trained_side_by_side_are_checked_too(planned: Callable[..., tuple[Experiment, dict[str, str]]]) -> None:
    one_step = ("train.batch_size=1200", "train.select_on=last", "model.student=linear", "model.teacher=linear")
    for poisoned in (False, True):
        name = "last_gradient" if poisoned else "none"
        experiment, methods = planned(name, overrides=one_step, methods=["last_gradient"], seeds=2)
        run_ids = [run_id for run_id, method in methods.items() if method == name and is_student(experiment, run_id)]
        assert len(run_ids) == 2
        places = [experiment] * 2, run_ids, torch.device("cpu"), Roots()
        if not poisoned:
            assert execute_vectorized(*places) is None
            continue
        with pytest.raises(NonFiniteLoss, match="gradient"):
            execute_vectorized(*places)
        assert not any(experiment.run(run_id).result.exists() for run_id in run_ids)


def is_student(experiment: Experiment, run_id: str) -> bool:
    return experiment.read_spec(run_id).student_modality == "fourier"
