"""Labels as an axis of the grid: what runs they make, what these share, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from cmkd_bench.errors import GridError, UserError
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve


def plan_of(**changes: Any) -> Plan:
    asked = {"methods": ["kd"], "datasets": ["mfeat"], "pairs": ["pixels:fourier"], "seeds": 1, "one_way": True}
    return make_plan(resolve(GridOptions(**{"controls": False, **asked, **changes})))


def spec_of(plan: Plan, method: str, labels: float | str) -> RunSpec:
    (cell,) = [cell for cell in plan.cells.values() if (cell.method, cell.labels) == (method, labels)]
    return plan.specs[cell.run_id]


def test_several_budgets_are_cells_of_one_experiment_and_equal_ones_are_one() -> None:
    grid = resolve(GridOptions(methods="kd", datasets="mfeat", labels="0.05,5e-2,6pc,1"))
    assert grid.datasets["mfeat"].labels == (0.05, "6pc", 1.0)
    assert grid.experiment.name == "fair"
    plan = plan_of(labels=[0.05, "6pc", 1])
    assert {cell.labels for cell in plan.cells.values()} == {0.05, "6pc", 1.0}
    assert len({spec_of(plan, "kd", labels).id for labels in (0.05, "6pc", 1.0)}) == 3


def test_a_teacher_has_the_labels_of_its_student() -> None:
    plan = plan_of(labels=0.05, one_way=False)
    (forward, backward) = [cell for cell in plan.cells.values() if cell.method == "none"]
    assert forward.teacher_id == backward.run_id, "the student alone is the teacher of the other direction"
    assert plan.specs[forward.teacher_id].labels == 0.05


def test_a_teacher_with_all_labels_is_that_of_a_grid_with_all_labels() -> None:
    with_all, few = plan_of(), plan_of(labels=0.05, teacher_labels="all")
    assert spec_of(few, "kd", 0.05).teacher == spec_of(with_all, "kd", 1.0).teacher
    assert spec_of(few, "none", 0.05).labels == 0.05
    assert any("leak" in note for note in few.notes["mfeat"])
    assert not any("leak" in note for note in with_all.notes["mfeat"])


def test_settings_without_an_effect_change_no_run() -> None:
    usual = plan_of()
    for changed in (
        {"labels": 1.0, "teacher_labels": "all"},
        {"overrides": ["supervision.select_labels=same"]},
        {"pairs_share": 1.0, "mispaired": 0.0},
    ):
        assert set(plan_of(**changed).specs) == set(usual.specs)


def test_an_untrained_teacher_reads_no_label_and_is_shared() -> None:
    plan = plan_of(methods=["kd_random"], labels=[0.05, 1])
    assert spec_of(plan, "kd_random", 0.05).teacher == spec_of(plan, "kd_random", 1.0).teacher


def test_pairs_belong_to_students_and_not_to_teachers() -> None:
    usual, few = plan_of(), plan_of(pairs_share=0.5, mispaired=0.2)
    student, alone = (dict(spec_of(few, name, 1.0).supervision) for name in ("kd", "none"))
    assert student == {"pairs_share": 0.5, "mispaired": 0.2}
    assert alone == {"pairs_share": 0.5}, "the student alone has the same batches, and no pairs that could be wrong"
    assert spec_of(few, "kd", 1.0).teacher == spec_of(usual, "kd", 1.0).teacher


def test_the_student_alone_teaches_kd_self() -> None:
    plan = plan_of(methods=["kd", "kd_self"], labels=0.05, mispaired=0.1)
    spec, alone = spec_of(plan, "kd_self", 0.05), spec_of(plan, "none", 0.05)
    assert spec.teacher == alone.id
    assert (spec.teacher_modality, spec.manifest) == ("fourier", alone.manifest)
    assert spec.supervision == ()
    assert len(plan.specs) == 4, "teacher, student alone, kd, kd_self: no teacher of its own"
    assert list(plan.specs).index(alone.id) < list(plan.specs).index(spec.id)


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5", "nan", "many", "0pc", ""])
def test_a_wrong_number_of_labels_is_one_message(wrong: str) -> None:
    with pytest.raises(GridError) as raised:
        resolve(GridOptions(methods="kd", datasets="mfeat", labels=wrong or ","))
    assert any("--labels" in problem and "6pc" in problem for problem in raised.value.problems)


def test_all_problems_are_found_at_once() -> None:
    with pytest.raises(GridError) as raised:
        resolve(
            GridOptions(methods="kd", datasets="mfeat", labels=2, teacher_labels="none", pairs_share=0, mispaired=7)
        )
    text = str(raised.value)
    for part in ("--labels 2", "teacher_labels=none", "same, all", "pairs_share=0", "mispaired=7"):
        assert part in text


def test_groups_are_needed_where_they_are_drawn() -> None:
    with pytest.raises(UserError, match=r"labels_by=group.*'gaussian' has no groups"):
        plan_of(datasets=["gaussian"], pairs=None, labels=0.5, overrides=["supervision.labels_by=group"])
    watch = {"datasets": ["watch"], "pairs": ["accelerometer:gyroscope"], "labels": 0.3}
    by_group = plan_of(**watch, overrides=["supervision.labels_by=group"])
    assert dict(spec_of(by_group, "kd", 0.3).supervision) == {"labels_by": "group"}
    assert not set(by_group.specs) & set(plan_of(**watch).specs)


def test_other_pairs_are_another_experiment() -> None:
    first, other = plan_of(), plan_of(pairs_share=0.5)
    with pytest.raises(GridError, match="pairs_share"):
        first.merge(other)
    few = plan_of(labels=0.05)
    few.merge(plan_of())
    assert {cell.labels for cell in few.cells.values()} == {0.05, 1.0}


def test_controls_get_the_values_selected_for_their_method() -> None:
    plan = plan_of(methods=["kd", "kd_self", "kd_random"], trials=3)
    assert {study.method for study in plan.studies.values()} == {"kd"}
    own = plan_of(methods=["kd_self"], trials=3)
    assert {study.method for study in own.studies.values()} == {"kd_self"}, "without kd it is tuned by itself"
