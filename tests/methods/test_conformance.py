"""Every built-in method, and the forms of some, through the tests that third parties use."""

from __future__ import annotations

import inspect

import pytest

from cmkd_bench.methods.kd import KD
from cmkd_bench.registry import methods
from cmkd_bench.testing import MethodConformance
from cmkd_bench.testing._declaration import DeclarationTests
from cmkd_bench.testing._training import TrainingTests

# KD's loss, with another teacher or other pairs: only the tests that see the difference. In a conformance test no
# teacher is trained, so those of kd_random and kd_self differ from KD's in nothing but its declaration.
CONTROLS = {
    "kd_random": (DeclarationTests,),
    "kd_self": (DeclarationTests,),
    "kd_shuffled": (DeclarationTests, TrainingTests),
}

# The quick suite has one of each kind: logits, layers and phases, a bank, no labels, a trained teacher, relations.
QUICK = ("none", "kd", "fitnet", "crd", "cmcd", "c2kd", "sp")

for name in methods.names():
    tests, marks = CONTROLS.get(name, (MethodConformance,)), [] if name in QUICK else [pytest.mark.slow]
    globals()[f"Test_{name}"] = type(f"Test_{name}", tests, {"method": name, "pytestmark": marks})


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_has_the_loss_of_kd(name: str) -> None:
    cls = methods.get(name)
    assert cls.__bases__ == (KD,)
    assert not [attribute for attribute, value in vars(cls).items() if inspect.isroutine(value)]


class TestC2KDOfficialCode(MethodConformance):
    method = "c2kd"
    hyperparameters = methods.get("c2kd").presets["official_code"]


class TestFitNetJoint(MethodConformance):
    method = "fitnet"
    hyperparameters = {"form": "joint"}


class TestCMCDSimilaritiesFineTuned(MethodConformance):
    method = "cmcd"
    hyperparameters = {"form": "cmd", "evaluation": "ft"}
