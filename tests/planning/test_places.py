"""Where a dataset's runs are made, in which precision, and what of it identifies a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_gpu import fake_gpus

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve

__all__ = ["fake_gpus"]
LARGE = ("model.vector=timm/test_resnet",)  # by name; nothing is built


def grid(tmp_path: Path, *overrides: str, **changes: Any) -> Grid:
    asked = {"datasets": ["mfeat"], "methods": ["kd"], "seeds": 1, "controls": False, "results": tmp_path, **changes}
    return resolve(GridOptions(**asked, overrides=overrides))


def plan(tmp_path: Path, *overrides: str, **changes: Any) -> Plan:
    return make_plan(grid(tmp_path, *overrides, **changes))


def place(tmp_path: Path, *overrides: str, **changes: Any) -> tuple[str, str]:
    (part,) = grid(tmp_path, *overrides, **changes).datasets.values()
    return part.device, part.configuration.recipe.precision


@pytest.mark.usefixtures("fake_gpus")
def test_large_networks_go_to_the_gpu_in_bfloat16_and_small_ones_stay(tmp_path: Path) -> None:
    assert place(tmp_path) == ("cpu", "float32")
    assert place(tmp_path, *LARGE) == ("cuda", "bfloat16")
    assert place(tmp_path, datasets=["watch"]) == ("cpu", "float32")
    for dataset in ("ave", "crisismmd", "nyudv2"):
        assert place(tmp_path, datasets=[dataset]) == ("cuda", "bfloat16")


@pytest.mark.usefixtures("fake_gpus")
def test_what_is_asked_for_is_done(tmp_path: Path) -> None:
    assert place(tmp_path, *LARGE, device="cpu") == ("cpu", "float32")
    assert place(tmp_path, device="cuda") == ("cuda", "float32")
    assert place(tmp_path, *LARGE, "train.precision=float32") == ("cuda", "float32")
    assert place(tmp_path, "train.precision=bfloat16") == ("cpu", "bfloat16")
    assert place(tmp_path, "protocol=c2kd", datasets=["ave"]) == ("cuda", "float32")


def test_without_a_gpu_everything_is_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmkd_bench.training.device.gpu_count", lambda: 0)
    assert place(tmp_path, *LARGE) == ("cpu", "float32")


def test_a_cluster_has_gpus_if_its_jobs_ask_for_them(tmp_path: Path) -> None:
    assert place(tmp_path, *LARGE, launcher="slurm") == ("cuda", "bfloat16")
    assert place(tmp_path, *LARGE, launcher="slurm", device="auto") == ("cuda", "bfloat16")
    assert place(tmp_path, launcher="slurm", device="auto") == ("cpu", "float32")
    assert place(tmp_path, *LARGE, "launcher.gpus=0", launcher="slurm", device="auto") == ("cpu", "float32")
    own = "launcher.datasets.mfeat.device=cpu"
    assert place(tmp_path, *LARGE, own, launcher="slurm") == ("cpu", "float32")


@pytest.mark.usefixtures("fake_gpus")
def test_settings_for_a_gpu_are_part_of_the_ids_there_alone(tmp_path: Path) -> None:
    usual = plan(tmp_path)
    assert set(plan(tmp_path, device="cuda").specs) == set(usual.specs), "the device is not part of an id"
    for setting in ("tf32=true", "channels_last=false", "cudnn_benchmark=true", "compile=true", "deterministic=true"):
        on_cpu, on_gpu = (plan(tmp_path, f"train.{setting}", device=device) for device in ("cpu", "cuda"))
        assert set(on_cpu.specs) == set(usual.specs)
        assert on_cpu.conditions == usual.conditions
        assert not set(on_gpu.specs) & set(usual.specs)
        name, value = setting.split("=")
        assert on_gpu.conditions["mfeat"][f"train.{name}"] is (value == "true")
    precisions = [plan(tmp_path, f"train.precision={one}").specs for one in ("auto", "float32", "bfloat16")]
    assert set(precisions[0]) == set(precisions[1]) == set(usual.specs)
    assert not set(precisions[2]) & set(usual.specs)
