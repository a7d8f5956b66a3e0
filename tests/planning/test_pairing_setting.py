"""Samples that are not paired, as a setting of the protocol: which runs it concerns, and which methods refuse it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmkd_bench.errors import GridError, UserError
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve


def plan_of(methods: list[str], **changes: Any) -> Plan:
    arguments: dict[str, Any] = {"datasets": ["mfeat"], "pairs": ["pixels:fourier"], "seeds": 1, "one_way": True}
    options = GridOptions(methods=methods, controls=False, results=Path("unused"), **{**arguments, **changes})
    return make_plan(resolve(options))


@pytest.mark.parametrize("form", ["unpaired", "same_class"])
def test_only_runs_with_pairs_are_concerned(form: str) -> None:
    names = ["kd", "kd_self", "kd_shuffled", "kd_random"]
    usual, other = (plan_of(names, pairing=pairing) for pairing in (None, form))
    settings = {spec.method: dict(spec.supervision) for spec in other.specs.values()}
    pairing = {"pairing": form}
    assert settings == {"kd": pairing, "kd_random": pairing, "kd_self": {}, "kd_shuffled": {}, "none": {}}
    same = {spec.method for run_id, spec in other.specs.items() if run_id in usual.specs}
    assert same == {"kd_self", "kd_shuffled", "none"}


@pytest.mark.parametrize("form", ["unpaired", "same_class"])
def test_methods_that_need_pairs_are_not_defined(form: str) -> None:
    plan = plan_of(["crd", "fitnet", "dkd", "pseudo_label"], pairing=form)
    reasons = {cell.method: cell.impossible for cell in plan.cells.values() if cell.impossible}
    assert sorted(reasons) == ["crd", "fitnet"]
    assert all("needs pairs" in reason and form in reason for reason in reasons.values())


def test_unlabeled_samples_have_no_partner_of_their_class() -> None:
    few = plan_of(["kd", "itrd"], pairing="same_class", labels=0.05)
    assert {cell.method for cell in few.cells.values() if cell.impossible} == {"itrd"}


def test_wrong_values_are_refused() -> None:
    with pytest.raises(GridError, match="same_class"):
        plan_of(["kd"], pairing="same_clas")
    with pytest.raises(UserError, match="mispaired"):
        plan_of(["kd"], pairing="unpaired", mispaired=0.1)
