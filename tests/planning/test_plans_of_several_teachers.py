"""Runs of methods with several teachers: which runs these are, and where such a method is not defined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve

SEVERAL = "kd_ensemble"


def plan_of(*pairs: str, **changes: Any) -> Plan:
    arguments: dict[str, Any] = {"datasets": ["mfeat"], "seeds": 1, "controls": False, "results": Path("unused")}
    given = {"methods": ["kd", SEVERAL], "pairs": list(pairs) or ["pixels:fourier"], "one_way": True}
    return make_plan(resolve(GridOptions(**{**arguments, **given, **changes})))


def specs_by_method(plan: Plan) -> dict[str, RunSpec]:
    return {cell.method: plan.specs[cell.run_id] for cell in plan.cells.values() if cell.run_id}


def test_the_teachers_are_shared_runs_and_come_before_their_student() -> None:
    plan = plan_of()
    specs = specs_by_method(plan)
    spec, single = specs[SEVERAL], specs["kd"]
    assert [one.role for one in spec.teachers] == ["teacher", "composite"]
    assert [one.modality for one in spec.teachers] == ["pixels", "pixels+fourier"]
    assert spec.teacher_ids[0] == single.teacher
    assert spec.teacher_ids[1] in plan_of("pixels+fourier:fourier", methods=["kd"]).specs, (
        "the row of its own direction"
    )
    order = list(plan.specs)
    assert max(map(order.index, spec.teacher_ids)) < order.index(spec.id)
    assert "composite" in dict(spec.code)


def test_a_spec_with_several_teachers_is_written_and_read() -> None:
    specs = specs_by_method(plan_of())
    assert RunSpec.from_json(specs[SEVERAL].to_json()) == specs[SEVERAL]
    assert "further_teachers" not in specs["kd"].to_json(), "or its id would be another one than before"
    assert specs["kd"].teachers[0].id == specs["kd"].teacher
    assert specs["none"].teachers == ()


def test_the_modalities_are_read_in_the_order_of_the_dataset() -> None:
    there, back = (specs_by_method(plan_of(pair))[SEVERAL] for pair in ("pixels:fourier", "fourier:pixels"))
    assert there.teacher_ids[1] == back.teacher_ids[1]
    assert there.manifest == back.manifest == plan_of_manifest()


def plan_of_manifest() -> str:
    return specs_by_method(plan_of())["kd"].manifest


def reason(*pairs: str, **changes: Any) -> str:
    (found,) = {cell.impossible for cell in plan_of(*pairs, **changes).cells.values() if cell.method == SEVERAL}
    return found


def test_it_is_not_defined_where_its_teachers_would_be_one() -> None:
    assert "different teachers" in reason("pixels+fourier:fourier")
    assert reason("pixels+zernike:fourier") == ""


def test_it_is_not_defined_where_not_all_pairs_are_known() -> None:
    assert "all pairs" in reason(pairs_share=0.5)
    assert "all pairs" in reason(mispaired=0.2)
    assert reason(pairing="unpaired") == ""
