"""Every built-in method, and the forms of some, through the tests that third parties use."""

from __future__ import annotations

from cmkd_bench.registry import methods
from cmkd_bench.testing import MethodConformance


def case(name: str) -> type[MethodConformance]:
    return type(f"Test_{name}", (MethodConformance,), {"method": name})


for registered in methods.names():
    globals()[f"Test_{registered}"] = case(registered)


class TestC2KDOfficialCode(MethodConformance):
    method = "c2kd"
    hyperparameters = methods.get("c2kd").presets["official_code"]


class TestFitNetJoint(MethodConformance):
    method = "fitnet"
    hyperparameters = {"form": "joint"}


class TestCMCDSimilaritiesFineTuned(MethodConformance):
    method = "cmcd"
    hyperparameters = {"form": "cmd", "evaluation": "ft"}
