"""Teachers that see several modalities: what is planned, what is shared, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from one_spec import SPEC

from cmkd_bench.errors import GridError, UserError
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve

BOTH = "pixels+fourier:fourier"


def plan_of(**changes: Any) -> Plan:
    arguments: dict[str, Any] = {"datasets": ["mfeat"], "seeds": 1, "controls": False, "results": Path("unused")}
    return make_plan(resolve(GridOptions(**{"methods": ["kd"], "pairs": [BOTH], **arguments, **changes})))


def test_a_composite_teacher_is_the_student_alone_on_all_its_modalities_and_is_shared() -> None:
    plan = plan_of(methods=["kd", "dkd"])
    (teacher,) = {cell.teacher_id for cell in plan.cells.values()}
    spec = plan.specs[teacher]
    assert (spec.method, spec.student_modality, spec.student_network) == ("none", "pixels+fourier", "concat(mlp+mlp)")
    assert {plan.specs[cell.run_id].teacher for cell in plan.cells.values()} == {teacher, None}
    assert next(iter(plan.specs)) == teacher, "teachers come first"


def test_other_runs_are_those_of_a_grid_without_composite_teachers() -> None:
    one, other = plan_of(), plan_of(pairs=["pixels:fourier"], one_way=True)
    shared = one.specs.keys() & other.specs.keys()
    assert {(spec.method, spec.student_modality) for spec in map(one.specs.__getitem__, shared)} == {
        ("none", "fourier")
    }


@pytest.mark.parametrize("written", ["pixels+fourier:fourier", "fourier+pixels:fourier"])
def test_the_order_of_modalities_is_that_of_the_dataset(written: str) -> None:
    assert plan_of(pairs=[written]).specs.keys() == plan_of().specs.keys()


def test_only_the_direction_with_one_student_is_run() -> None:
    plan = plan_of(pairs=[BOTH, "pixels:zernike"])
    directions = {(cell.teacher_modality, cell.student_modality) for cell in plan.cells.values()}
    assert directions == {("pixels+fourier", "fourier"), ("pixels", "zernike"), ("zernike", "pixels")}


def test_the_fusion_is_a_setting_and_a_condition_of_the_tables_that_have_one() -> None:
    joined, mean = plan_of(), plan_of(overrides=["model.fusion=late"])
    names = [{spec.student_network for spec in plan.specs.values()} for plan in (joined, mean)]
    assert names == [{"mlp", "concat(mlp+mlp)"}, {"mlp", "late(mlp+mlp)"}]
    with pytest.raises(GridError, match=r"model\.fusion=late, but the experiment has model\.fusion=concat"):
        joined.merge(mean)
    assert "model.fusion" not in plan_of(pairs=["pixels:fourier"]).conditions["mfeat"]


def test_an_experiment_without_composite_teachers_can_be_extended_by_them() -> None:
    plan = plan_of(pairs=["pixels:zernike"])
    plan.merge(plan_of())
    plan.merge(plan_of(pairs=["pixels:zernike"], seeds=[1]))
    assert plan.conditions["mfeat"]["model.fusion"] == "concat", "a command to which it does not matter keeps it"
    with pytest.raises(GridError, match="fusion"):
        plan.merge(plan_of(overrides=["model.fusion=late"]))


def test_the_code_of_a_fusion_is_that_of_all_its_networks() -> None:
    plans = plan_of(), plan_of(overrides=["model.fusion=late"])
    codes = [{spec.student_network: dict(spec.code)["student"] for spec in plan.specs.values()} for plan in plans]
    assert codes[0]["mlp"] == codes[1]["mlp"]
    assert len({codes[0]["mlp"], codes[0]["concat(mlp+mlp)"], codes[1]["late(mlp+mlp)"]}) == 3


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ("pixels+pixels:fourier", ["'pixels+pixels:fourier'", "twice", "Did you mean 'pixels:fourier'"]),
        ("fourier:pixels+fourier", ["a student sees one modality", "Did you mean 'pixels+fourier:fourier'"]),
        ("pixels+fourier:pixels+fourier", ["'pixels+fourier:pixels+fourier'", "a student sees one modality"]),
        ("pixls+fourier:fourier", ["'pixls+fourier:fourier'", "Did you mean 'pixels+fourier:fourier'"]),
        ("pixels+fourier:fourer", ["Did you mean 'pixels+fourier:fourier'"]),
        ("pixels+:fourier", ["'pixels+:fourier'", "Did you mean 'pixels:fourier'", "mfeat: pixels, fourier"]),
        ("+:fourier", ["unknown pair '+:fourier'", "mfeat: pixels, fourier"]),
        ("pixels+fourier", ["'pixels+fourier'", "teacher:student"]),
    ],
)
def test_pairs_that_cannot_be_run_are_named(pairs: str, says: list[str]) -> None:
    with pytest.raises(GridError) as caught:
        plan_of(pairs=[pairs])
    assert all(text in str(caught.value) for text in says)


@pytest.mark.parametrize("pairs", ["pixels-fourier:fourier", "fourier:fourier", "pixels+fourier:pixels+fourier"])
def test_no_pair_is_suggested_that_could_not_be_run_either(pairs: str) -> None:
    with pytest.raises(GridError) as caught:
        plan_of(pairs=[pairs])
    assert f"'{pairs}'" in str(caught.value)
    assert "Did you mean" not in str(caught.value)


def test_a_fusion_that_does_not_exist_is_named() -> None:
    with pytest.raises(GridError, match=r"model\.fusion: .*'mlp' is for one modality.*concat, late"):
        plan_of(overrides=["model.fusion=mlp"])


@pytest.mark.parametrize("given", [{"pairs_share": 0.5}, {"mispaired": 0.1}])
def test_a_composite_teacher_needs_all_pairs(given: dict[str, float]) -> None:
    with pytest.raises(UserError, match=r"--pairs pixels\+fourier:fourier.*supervision"):
        plan_of(**given)


def test_a_text_that_both_read_differently_is_the_reason_for_no_run() -> None:
    plan = plan_of(
        datasets=["openmoji"],
        pairs=["image+text:text"],
        labels=1,
        overrides=["model.student=transformer", "model.text=transformers/bert-base-uncased"],
    )
    reasons = {cell.impossible for cell in plan.cells.values() if cell.method == "kd"}
    assert all("'text'" in reason and "tokenizer" in reason for reason in reasons), reasons


def test_a_spec_with_a_composite_teacher_is_written_and_read() -> None:
    spec = next(spec for spec in plan_of().specs.values() if spec.teacher)
    assert type(SPEC).from_json(spec.to_json()) == spec
    assert (spec.teacher_modality, spec.teacher_network) == ("pixels+fourier", "concat(mlp+mlp)")
