"""Labels as an axis of the grid: what runs they make, what these share, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cmkd_bench.errors import GridError, UserError
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.planning.tuning import add_tuned


def plan_of(**changes: Any) -> Plan:
    asked = {"methods": ["kd"], "datasets": ["mfeat"], "pairs": ["pixels:fourier"], "seeds": 1, "labels": 1}
    return make_plan(resolve(GridOptions(**{"controls": False, "one_way": True, **asked, **changes})))


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


def test_the_teacher_of_kd_self_has_the_labels_of_teachers() -> None:
    few, with_all = plan_of(methods=["kd_self"], labels=0.05, teacher_labels="all"), plan_of()
    assert spec_of(few, "kd_self", 0.05).teacher == spec_of(with_all, "none", 1.0).id
    paired = plan_of(methods=["kd_self"], pairs_share=0.5)
    assert spec_of(paired, "kd_self", 1.0).teacher == spec_of(with_all, "none", 1.0).id, "teachers need no pairs"


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


def tuned_plan(folder: Path, methods: list[str], best: int) -> Plan:
    """A plan after its trials, of which one has the best validation score."""
    asked = {"datasets": "mfeat", "pairs": "pixels:fourier", "seeds": 2, "one_way": True, "controls": False}
    grid = resolve(GridOptions(methods=methods, trials=3, results=folder, experiment="t", **asked))  # type: ignore[arg-type]
    plan = make_plan(grid)
    for study in plan.studies.values():
        for trial in study.trials:
            folder = grid.experiment.run(trial.run_id)
            folder.path.mkdir(parents=True, exist_ok=True)
            folder.write_result({"val_value": 60.0 if trial.number == best else 50.0, "value": 1.0})
    assert add_tuned(plan, grid.experiment, lambda run_id: True) == 0
    return plan


def test_controls_get_the_values_selected_for_their_method(tmp_path: Path) -> None:
    plan = tuned_plan(tmp_path, ["kd", "kd_self", "kd_random", "label_smoothing"], best=2)
    assert {study.method for study in plan.studies.values()} == {"kd", "label_smoothing"}
    tuned = {(cell.method, cell.seed): plan.specs[cell.run_id] for cell in plan.cells.values() if cell.tuned}
    assert len(tuned) == 2 * 4
    for seed in (0, 1):
        values = {tuned[method, seed].hyperparameters for method in ("kd", "kd_self", "kd_random")}
        assert len(values) == 1
        assert dict(*values) != dict(spec_of_default(plan, "kd").hyperparameters)
    assert tuned["kd_self", 0].teacher == spec_of_default(plan, "none").id
    assert plan.only([cell.key for cell in plan.cells.values() if cell.method == "kd_self"]).studies.keys() == {
        study.group for study in plan.studies.values() if study.method == "kd"
    }


def test_another_selection_replaces_the_values_of_the_controls_too(tmp_path: Path) -> None:
    first, other = (tuned_plan(tmp_path / str(best), ["kd", "kd_self"], best) for best in (1, 2))
    waiting = replace(other, cells={key: cell for key, cell in other.cells.items() if not cell.tuned})
    first.merge(waiting)
    assert not [cell for cell in first.cells.values() if cell.tuned]
    first.merge(other)
    tuned = [first.specs[cell.run_id].hyperparameters for cell in first.cells.values() if cell.tuned]
    assert len(tuned) == 4
    assert len(set(tuned)) == 1


def test_a_control_without_its_method_is_tuned_by_itself(tmp_path: Path) -> None:
    assert {study.method for study in plan_of(methods=["kd_self"], trials=3).studies.values()} == {"kd_self"}
    fixed = plan_of(methods=["kd", "kd_self"], trials=3, overrides=["method.kd.preset=mfh"])
    assert {study.method for study in fixed.studies.values()} == {"kd_self"}


def spec_of_default(plan: Plan, method: str) -> RunSpec:
    return next(plan.specs[c.run_id] for c in plan.cells.values() if (c.method, c.seed, c.tuned) == (method, 0, False))
