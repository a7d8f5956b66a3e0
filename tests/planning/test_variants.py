"""Variants of a method are rows of their own: how they are asked for, planned, stored, and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cmkd_bench.errors import GridError
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import add_plan, read_plan
from cmkd_bench.planning import resolve as module
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve

SOFT = "kd(temperature=10)=soft"


def grid_of(methods: str | None, root: Path = Path("unused"), **changes: Any) -> Grid:
    asked: dict[str, Any] = {"datasets": "mfeat", "pairs": "pixels:fourier", "one_way": True, "seeds": 1}
    return resolve(GridOptions(**{"methods": methods, "controls": False, "results": root, **asked, **changes}))


def values_of(plan: Plan, name: str = "temperature") -> dict[str, Any]:
    """A hyper-parameter by row."""
    specs = {cell.row: plan.specs[cell.run_id] for cell in plan.cells.values() if cell.method != plan.baseline}
    return {row: dict(spec.hyperparameters)[name] for row, spec in specs.items()}


def problems_of(methods: str, **changes: Any) -> list[str]:
    with pytest.raises(GridError) as raised:
        grid_of(methods, **changes)
    return list(raised.value.problems)


def test_a_method_and_its_variants_are_rows_in_the_order_of_the_request() -> None:
    plan = make_plan(grid_of(f"kd,kd(temperature=1),{SOFT}"))
    assert values_of(plan) == {"kd": 4.0, "kd(temperature=1)": 1.0, "soft": 10.0}
    assert {cell.method for cell in plan.cells.values()} == {"none", "kd"}


def test_a_variant_is_the_run_that_the_same_settings_make() -> None:
    """The name of a row is no part of a run, so that earlier runs are found again."""
    plain = make_plan(grid_of("kd", overrides=["method.kd.temperature=10"]))
    assert {spec.id for spec in plain.specs.values()} == {spec.id for spec in make_plan(grid_of(SOFT)).specs.values()}


def test_several_values_make_a_row_each_in_place_of_the_method() -> None:
    plan = make_plan(grid_of("kd", overrides=["method.kd.temperature=1,2", "method.kd.alpha=0.5,0.25"]))
    rows = [f"kd(alpha={alpha},temperature={temperature})" for temperature in (1, 2) for alpha in (0.5, 0.25)]
    assert list(values_of(plan)) == rows
    assert set(values_of(plan, "alpha").values()) == {0.5, 0.25}


def test_rows_made_from_values_do_not_change_the_name_of_the_experiment() -> None:
    assert grid_of("kd", overrides=["method.kd.temperature=1,2"]).experiment.name == grid_of("kd").experiment.name


def test_general_settings_hold_for_variants_that_do_not_set_them() -> None:
    plan = make_plan(grid_of(f"kd,{SOFT}", overrides=["method.kd.temperature=3", "method.kd.alpha=0.25"]))
    assert values_of(plan) == {"kd": 3.0, "soft": 10.0}
    assert set(values_of(plan, "alpha").values()) == {0.25}


def test_a_preset_of_a_variant_overrides_general_settings() -> None:
    grid = grid_of("c2kd(preset=official_code)", overrides=["method.c2kd.nontarget=renormalized"])
    assert grid.rows["c2kd(preset=official_code)"].given["nontarget"] == "zeroed"


def test_python_and_the_configuration_define_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    hard = {"hard": {"method": "kd", "temperature": 1}}
    assert list(grid_of("dkd", variants=hard).rows) == ["none", "dkd", "hard"]
    defaults = dict(module.grid_defaults())
    monkeypatch.setattr(module, "grid_defaults", lambda: {**defaults, "variants": hard})
    assert list(grid_of("hard,dkd").rows) == ["none", "hard", "dkd"]
    assert list(grid_of("dkd").rows) == ["none", "dkd"]
    assert list(grid_of(None).rows)[-1] == "hard"
    assert grid_of("hard").rows["hard"].given == {"temperature": 1}


def test_all_problems_are_found_at_once_with_the_nearest_match() -> None:
    texts = ["kd(temprature=1)", "kdd(alpha=1)", "kd(temperature=cold)=cold", "kd(temperature=1", "kd(logits=x)"]
    found = "\n".join(problems_of(",".join(texts[:3] + texts[4:]) + "," + texts[3]))
    for part in (
        "'method.kd.temperature'",
        "Did you mean 'kd'?",
        "expected float",
        "'kd(temperature=1'",
        "expected one of",
    ):
        assert part in found


@pytest.mark.parametrize(
    ("methods", "named"),
    [
        ("kd(temperature=1)=dkd", "dkd"),  # a registered method
        ("kd(temperature=1)=teacher", "teacher"),  # another row of every table
        ("kd(temperature=1)=all", "all"),
        (f"{SOFT},dkd(temperature=1)=soft", "soft"),
        ("kd(temperature=1)=kd(temperature=2)", "kd(temperature=2)"),  # the name would not be true
        ("kd,kd(temperature=4)", "kd(temperature=4)"),  # the default
        ("none(x=1)", "none"),
        ("kd(temperature=1)=kd (tuned)", " (tuned)"),
    ],
)
def test_rows_that_would_be_mistaken_for_others_are_refused(methods: str, named: str) -> None:
    assert any(f"{named}" in problem for problem in problems_of(methods))


def test_values_in_both_places_are_refused() -> None:
    (problem,) = problems_of(f"kd,{SOFT}", overrides=["method.kd.temperature=1,2"])
    assert "method.kd.temperature" in problem
    assert "soft" in problem


def test_a_stored_plan_has_variants_and_is_otherwise_as_before(tmp_path: Path) -> None:
    grid = grid_of("kd", tmp_path)
    add_plan(grid.experiment, make_plan(grid))
    assert "variant" not in grid.experiment.plan.read_text()
    assert add_plan(grid.experiment, make_plan(grid_of(SOFT, tmp_path))) == []
    stored = read_plan(grid.experiment)
    assert values_of(stored) == {"kd": 4.0, "soft": 10.0}
    assert [cell.get("variant") for cell in read_json(grid.experiment.plan)["cells"]] == [None, None, "soft"]


def test_other_values_under_the_same_name_replace_the_row_and_say_so(tmp_path: Path) -> None:
    grid = grid_of(SOFT, tmp_path)
    add_plan(grid.experiment, make_plan(grid))
    (message,) = add_plan(grid.experiment, make_plan(grid_of("kd(temperature=20)=soft", tmp_path)))
    assert message.startswith("soft: ")
    assert values_of(read_plan(grid.experiment)) == {"soft": 20.0}


def test_a_row_does_not_become_one_of_another_method(tmp_path: Path) -> None:
    grid = grid_of(SOFT, tmp_path)
    add_plan(grid.experiment, make_plan(grid))
    with pytest.raises(GridError, match=r"soft.*kd.*dkd"):
        add_plan(grid.experiment, make_plan(grid_of("dkd(temperature=1)=soft", tmp_path)))


def test_variants_are_tuned_apart_on_what_they_leave_open() -> None:
    plan = make_plan(grid_of(f"kd,{SOFT}", trials=3))
    assert [(study.method, study.name) for study in plan.studies.values()] == [("kd", "kd"), ("kd", "soft")]
    own, soft = plan.studies.values()
    assert set(own.trials[1].values) == {"alpha", "temperature"}
    assert set(soft.trials[1].values) == {"alpha"}
    assert own.trials[1].values["alpha"] == soft.trials[1].values["alpha"]
    for trial in soft.trials:
        assert dict(plan.specs[trial.run_id].hyperparameters)["temperature"] == 10.0


def test_equal_defaults_differ_when_tuned() -> None:
    assert list(grid_of("kd,kd(temperature=4)", trials=2).rows) == ["none", "kd", "kd(temperature=4)"]


def test_a_variant_of_a_control_keeps_its_own_values_when_tuned() -> None:
    cells = make_plan(grid_of("kd,kd_shuffled,kd_shuffled(alpha=0.5)=half", trials=2)).cells.values()
    assert {cell.row: cell.tuned_as for cell in cells} == {"none": "", "kd": "", "kd_shuffled": "kd", "half": ""}


def test_a_run_is_called_by_the_rows_that_it_fills() -> None:
    plan = make_plan(grid_of(f"kd,{SOFT}"))
    (soft,) = (cell for cell in plan.cells.values() if cell.row == "soft")
    assert plan.names == {soft.run_id: "soft"}
    plan.add_cell(replace(soft, variant="again"))
    assert plan.names == {soft.run_id: "soft, again"}
