"""The cluster's settings: what a run gets, and what is said of wrong values."""

from __future__ import annotations

import dataclasses

import pytest
from one_spec import SPEC

from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.slurm import Profile, problems_of_section, read_settings


def profile(*overrides: str, **changes: str) -> Profile:
    configuration, problems = compose(parse_overrides(["launcher=slurm", *overrides]))
    assert configuration is not None, problems
    return read_settings(configuration.launcher).profile(dataclasses.replace(SPEC, **changes))


def test_a_method_wins_over_a_network_and_that_over_a_dataset() -> None:
    one = profile(
        "launcher.mem_gb=1",
        "launcher.datasets.mfeat.mem_gb=2",
        "launcher.datasets.mfeat.gpus=3",
        "launcher.datasets.mfeat.timeout_min=30",
        "launcher.networks.mlp.gpus=4",
        "launcher.networks.mlp.timeout_min=40",
        "launcher.methods.kd.timeout_min=50",
        "launcher.methods.crd.timeout_min=60",
    )
    assert (one.mem_gb, one.gpus, one.timeout_min) == (2.0, 4, 50)
    assert profile("launcher.networks.linear.gpus=4", teacher_network="linear").gpus == 4
    assert profile("launcher.methods.kd.gpus=4", method="dkd").gpus == 1


def test_further_options_are_added_up() -> None:
    one = profile("launcher.extra.exclude=n1", "launcher.methods.kd.extra={exclusive: true}", "launcher.setup=[a, b]")
    assert one.extra == (("exclude", "n1"), ("exclusive", True))
    assert one.setup == ("a", "b")
    assert Profile.from_json(one.to_json()) == one


def test_resources_of_a_variant_hold_for_its_hyper_parameters() -> None:
    configuration, _ = compose(parse_overrides(["launcher=slurm"]))
    assert configuration is not None
    section = dict(configuration.launcher)
    section["methods"] = {"kd": {"gpus": 2}, "kd(temperature=1)": {"mem_gb": 64}}
    assert problems_of_section(section) == []
    settings = read_settings(section)
    one = dataclasses.replace(SPEC, method="kd", hyperparameters=(("alpha", 0.5), ("temperature", 1.0)))
    assert (settings.profile(one).gpus, settings.profile(one).mem_gb) == (2, 64)
    other = dataclasses.replace(one, hyperparameters=(("alpha", 0.5), ("temperature", 4.0)))
    assert (settings.profile(other).gpus, settings.profile(other).mem_gb) == (2, 16)
    section["methods"] = {"kd(temprature=1)": {}, "kdd(temperature=1)": {}, "kd(": {}}
    first, second, third = problems_of_section(section)
    assert "'method.kd.temperature'" in first
    assert "'kd'" in second
    assert "kd(" in third


def test_how_many_runs_at_once() -> None:
    assert profile("launcher.jobs=3").at_once == 3
    assert profile("launcher.jobs=0", "launcher.gpus=2").at_once == 2
    assert profile("launcher.jobs=0", "launcher.device=cpu", "launcher.cpus=8").at_once == 8


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("launcher.datasets.mfaet.gpus=1", "Did you mean 'mfeat'?"),
        ("launcher.methods.kd.gpuss=1", "Did you mean 'launcher.methods.kd.gpus'?"),
        ("launcher.methods.kd=1", "launcher.methods.kd=1: expected values by name"),
        ("launcher.methods=1", "launcher.methods=1: expected values by name"),
        ("launcher.runs_per_job=0", "launcher.runs_per_job=0: expected"),
        ("launcher.timeout_min=0", "must be at least 1"),
        ("launcher.partition=3", "launcher.partition=3: expected str, got int (3)"),
        ("launcher.extra=3", "launcher.extra=3: expected sbatch options by name"),
        ("launcher.setup=module", "launcher.setup=module: expected a list of shell lines"),
        ("launcher.device=gpu", "expected one of auto, cpu, cuda"),
    ],
)
def test_a_wrong_value_has_a_clear_message(override: str, said: str) -> None:
    configuration, problems = compose(parse_overrides(["launcher=slurm", override]))
    assert configuration is None
    assert len(problems) == 1
    assert said in problems[0]


def test_a_run_that_is_not_worth_a_gpu_asks_for_none() -> None:
    small, large = (profile("launcher.device=auto", student_network=one) for one in ("mlp", "timm/resnet18"))
    assert (small.device, small.gpus) == ("cpu", 0)
    assert (large.device, large.gpus) == ("cuda", 1)
    assert profile("launcher.device=auto", "launcher.gpus=0", student_network="timm/resnet18").device == "cpu"
