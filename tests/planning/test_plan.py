"""From a request to runs: what is shared, what is refused, what a run's name depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cmkd_bench import registry
from cmkd_bench.errors import GridError
from cmkd_bench.experiment import code_identity, code_versions
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.planning import resolve as module
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.feasibility import Feasibility
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve


def plan_of(**changes: Any) -> Plan:
    arguments: dict[str, Any] = {"datasets": ["mfeat"], "seeds": 1, "controls": False, "results": Path("unused")}
    return make_plan(resolve(GridOptions(**{**arguments, **changes})))


def test_teachers_are_shared_and_are_the_rows_of_the_student_alone() -> None:
    plan = plan_of(methods=["kd", "dkd"], pairs=["pixels:fourier"], seeds=3)
    by_method: dict[str, int] = {}
    for spec in plan.specs.values():
        by_method[spec.method] = by_method.get(spec.method, 0) + 1
    assert by_method == {"none": 2 * 3, "kd": 2 * 3, "dkd": 2 * 3}
    for cell in plan.cells.values():
        teacher = plan.specs[cell.teacher_id]
        assert (teacher.method, teacher.student_modality) == ("none", cell.teacher_modality)
        if cell.method == "none":
            assert plan.specs[cell.run_id].student_modality == cell.student_modality
            assert plan.specs[cell.run_id].teacher is None
        else:
            assert plan.specs[cell.run_id].teacher == cell.teacher_id


def directions_of(**asked: Any) -> list[tuple[str, str]]:
    cells = plan_of(methods=["kd"], **asked).cells.values()
    return list(dict.fromkeys((cell.teacher_modality, cell.student_modality) for cell in cells))


def test_configured_pairs_run_as_written() -> None:
    expected = [("pixels", "fourier"), ("pixels", "zernike"), ("fourier", "pixels")]
    assert directions_of(datasets="mfeat") == directions_of(datasets="mfeat", one_way=True) == expected


def test_other_pairs_run_in_both_directions() -> None:
    assert directions_of(datasets="gaussian", seeds=1) == [("x1", "x2"), ("x2", "x1")]
    assert directions_of(datasets="mfeat", pairs="zernike:profile") == [("zernike", "profile"), ("profile", "zernike")]


def test_a_configured_pair_that_the_dataset_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    composed = module.compose

    def mistyped(*given: Any) -> tuple[Any, list[str]]:
        configuration, problems = composed(*given)
        assert configuration is not None
        return replace(configuration, pairs=("pixel:fourier",)), problems

    monkeypatch.setattr(module, "compose", mistyped)
    with pytest.raises(GridError, match=r"mfeat.*'pixel:fourier'.*Did you mean 'pixels:fourier'"):
        plan_of(methods=["kd"])


def test_one_way_runs_the_pair_as_written() -> None:
    cells = plan_of(methods=["kd"], pairs=["zernike:profile"], one_way=True).cells.values()
    assert {(cell.teacher_modality, cell.student_modality) for cell in cells} == {("zernike", "profile")}


def test_the_rows_that_every_table_has_are_added() -> None:
    plan = plan_of(methods=["kd"], pairs=["pixels:fourier"], controls=True)
    assert {cell.method for cell in plan.cells.values()} == {
        "none",
        "label_smoothing",
        "kd_shuffled",
        "kd_random",
        "kd_self",
        "kd",
    }
    untrained = [spec for spec in plan.specs.values() if dict(spec.recipe)["epochs"] == 0]
    assert {spec.student_modality for spec in untrained} == {"pixels", "fourier"}


def test_a_category_stands_for_its_methods_and_all_for_every_method() -> None:
    def rows(*methods: str) -> set[str]:
        return {cell.method for cell in plan_of(methods=methods, pairs=["pixels:fourier"]).cells.values()}

    assert rows("relations", "kd") == {"none", "kd", *registry.methods.in_category("relations")}
    assert set(registry.methods.names()) <= rows("all")


def test_folds_are_an_axis_apart_from_the_seed() -> None:
    plan = plan_of(methods=["kd"], datasets=["watch"], folds="all", seeds=2)
    assert {(cell.fold, cell.seed) for cell in plan.cells.values()} == {
        (fold, seed) for fold in range(5) for seed in range(2)
    }
    assert len({spec.manifest for spec in plan.specs.values() if spec.teacher}) == 5


def test_all_problems_at_once() -> None:
    with pytest.raises(GridError) as caught:
        plan_of(
            methods=["c2dk"],
            pairs=["pixls:fourier"],
            folds=[7],
            overrides=["train.epoch=3", "train.batch_size=0", "method.kd.temprature=2.0"],
        )
    problems = "\n".join(caught.value.problems)
    for said in (
        "Did you mean 'c2kd'?",
        "Did you mean 'pixels:fourier'?",
        "folds 0 to 0",
        "Did you mean 'train.epochs'?",
        "train.batch_size=0: must be at least 2",
        "Did you mean 'method.kd.temperature'?",
    ):
        assert said in problems


def test_a_cell_that_cannot_be_keeps_its_reason_and_has_no_run() -> None:
    plan = plan_of(methods=["kd", "crd"], datasets=["gaussian"])
    by_method = {cell.method: cell for cell in plan.cells.values()}
    assert "linear classifier" in by_method["crd"].impossible
    assert by_method["crd"].run_id == ""
    assert by_method["kd"].run_id in plan.specs


def test_a_network_that_cannot_take_the_inputs_is_a_reason_too() -> None:
    plan = plan_of(methods=["kd"], overrides=["model.student=cnn2d"])
    impossible = [cell.impossible for cell in plan.cells.values() if cell.method == "kd"]
    assert impossible
    assert all("network 'cnn2d' cannot take a vector of shape" in reason for reason in impossible)


def test_the_name_of_a_run_depends_on_what_changes_its_result_and_on_nothing_else() -> None:
    def runs(**changes: Any) -> set[str]:
        return set(plan_of(methods=["kd"], pairs=["pixels:fourier"], **changes).specs)

    default = runs()
    assert default == runs(results=Path("elsewhere"), jobs=7, experiment="x", overrides=["launcher.device=cuda"])
    assert default == runs(overrides=["train.epochs=15"]), "a default that is given is a default"
    assert default == set(plan_of(methods=["dkd", "kd"], pairs=["pixels:fourier"]).specs) & default
    assert not default & runs(overrides=["train.epochs=3"])
    kd_only = runs(overrides=["method.kd.temperature=2.0"])
    assert len(default & kd_only) == 2, "the teachers stay"
    assert not {run for run in default if run in runs(seeds=[5])}


def test_presets_stand_for_hyperparameters_and_what_is_given_besides_wins() -> None:
    plan = plan_of(
        methods=["c2kd"],
        pairs=["pixels:fourier"],
        overrides=["method.c2kd.preset=official_code", "method.c2kd.krc_variant=a"],
    )
    spec = next(spec for spec in plan.specs.values() if spec.method == "c2kd")
    values = dict(spec.hyperparameters)
    assert (values["nontarget"], values["krc_on"], values["krc_variant"]) == ("zeroed", "proxy", "a")
    assert "preset" not in values


def test_a_spec_survives_json() -> None:
    spec = next(iter(plan_of(methods=["kd"]).specs.values()))
    assert RunSpec.from_json(spec.to_json()) == spec
    assert RunSpec.from_json(spec.to_json()).id == spec.id
    assert replace(spec, seed=9).id != spec.id


@pytest.fixture
def edited_kd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Pretend that methods/kd.py has been edited."""

    def edit() -> None:
        edited = replace(code_versions.source_of("methods/kd.py"), digest="another")
        monkeypatch.setitem(code_versions._sources, "methods/kd.py", edited)
        code_identity._built_in.cache_clear()

    yield edit
    monkeypatch.undo()
    code_identity._built_in.cache_clear()


def test_an_answer_is_not_remembered_for_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited_kd: Callable[[], None]
) -> None:
    grid = resolve(GridOptions(methods=["kd_random"], datasets=["mfeat"], seeds=1, results=tmp_path))
    asked: list[str] = []
    answer = Feasibility._answer
    monkeypatch.setattr(Feasibility, "_answer", lambda self, spec: (asked.append(spec.method), answer(self, spec))[1])
    make_plan(grid, remember=True)
    first = list(asked)
    assert first
    make_plan(grid, remember=True)
    assert asked == first, "the answers are remembered"
    edited_kd()
    make_plan(grid, remember=True)
    heirs = [method for method in first if method in ("kd_random", "kd_self", "kd_shuffled")]
    assert sorted(asked) == sorted([*first, *heirs]), "they inherit from kd, and nothing else does"


def test_edited_code_gets_another_id_and_the_teachers_keep_theirs(edited_kd: Callable[[], None]) -> None:
    methods = ["kd", "kd_random", "dkd"]
    before = plan_of(methods=methods).specs
    edited_kd()
    after = plan_of(methods=methods).specs
    assert {spec.method for run_id, spec in before.items() if run_id not in after} == {"kd", "kd_random"}
    assert {spec.method for run_id, spec in before.items() if run_id in after} == {"none", "dkd"}
