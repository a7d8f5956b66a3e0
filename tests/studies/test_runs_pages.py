"""docs/teachers.md and docs/pairs.md: every number of their tables, computed anew from the exported runs.

The files are read by hand, and what the test samples contribute to a variance has a closed form for accuracies, where
the pages have a bootstrap of 2000 draws; so the ends of intervals agree to a few percent.
"""

from __future__ import annotations

import json
import re
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load
from scipy.optimize import brentq
from scipy.stats import norm, t

from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.registry import methods
from cmkd_bench.studies.runs_page import refreshed_runs

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXTS = {name: (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("teachers", "pairs")}
LINK, ROWS = r"\[\w+\]\((\S+)\)", r"((?:\|.*\n)+)"
TEACHERS = re.findall(rf"^Teachers of `(\w+)` in {LINK}, (\w+), (.+):\n\n{ROWS}", TEXTS["teachers"], re.MULTILINE)
PAIRINGS = re.findall(rf"^`(\w+):(\w+)` by pairing in {LINK}, (\w+), (.+):\n\n{ROWS}", TEXTS["pairs"], re.MULTILINE)
CLAIMS = {
    name: re.findall(rf"^Claims from the runs in {LINK}:\n\n{ROWS}", text, re.MULTILINE) for name, text in TEXTS.items()
}
CELL = re.compile(r"([+-]\d+\.\d+) \[([+-]\d+\.\d+), ([+-]\d+\.\d+)\]")
ENDS = 0.05  # by how much the width of an interval may differ, as a share of it
Runs = dict[tuple[int, int], Any]


@cache
def cells(folder: str) -> dict[tuple[Any, ...], Runs]:
    """The runs by dataset, labels, direction and method, and there by seed and fold; without a run, the reason."""
    with zipfile.ZipFile(DOCS / folder / "experiment.zip") as file:
        plan, samples = json.loads(file.read("plan.json")), load(file.read("samples.safetensors"))
        runs = [json.loads(line) for line in file.read("runs.jsonl").splitlines()]
    by_id = {RunSpec.from_json(run["spec"]).id: run for run in runs}
    found: dict[tuple[Any, ...], Runs] = {}

    def add(cell: dict[str, Any], method: str, run_id: str) -> None:
        place = (cell["dataset"], cell["labels"], cell["teacher_modality"], cell["student_modality"], method)
        row = found.setdefault(place, {})
        row[cell["seed"], cell["fold"]] = with_right(by_id[run_id], samples) if run_id else cell["impossible"]

    for cell in plan["cells"]:
        add(cell, cell.get("variant") or cell["method"], cell["run_id"])
        add(cell, "teacher", cell["teacher_id"])
    return found


def with_right(run: dict[str, Any], samples: dict[str, np.ndarray]) -> dict[str, Any]:
    if "samples" not in run:  # a teacher that is in no cell is exported without its predictions
        return dict(run["result"])
    labels, classes = (samples[f"{name}.{run['samples']}"] for name in ("labels", "classes"))
    right = 100.0 * (classes[:, run["place"]] == labels)
    assert right.mean() == pytest.approx(run["result"]["value"], abs=1e-3)
    return {**run["result"], "right": right, "samples": run["samples"]}


def budget(words: str) -> float:
    return 1.0 if words == "all labels" else float(words.split()[0]) / 100


def differences(rows: list[Runs], others: list[Runs]) -> tuple[list[np.ndarray], bool]:
    """By seed, how much more of each test sample is recognized; and whether all seeds have the same samples."""
    units = sorted(rows[0])
    assert all(sorted(row) == units for row in (*rows, *others))
    kinds = {row[unit]["samples"] for row in (*rows, *others) for unit in units}
    means = [[np.mean([row[unit]["right"] for row in side], 0) for unit in units] for side in (rows, others)]
    return [one - other for one, other in zip(*means, strict=True)], len(kinds) == 1


def estimate(rows: list[Runs], others: list[Runs]) -> tuple[float, Any, float]:
    """The difference, the distance of the ends of its interval at a level, and its p-value."""
    by_seed, is_shared = differences(rows, others)
    means = np.array([one.mean() for one in by_seed])
    seeds, rest = means.var(ddof=1) / len(means), 0.0
    if is_shared:
        sampling, within = np.mean(by_seed, 0).var(), np.mean([one.var() for one in by_seed])
        size = len(by_seed[0])
        interaction = max(within / size - sampling / size, 0) / (len(means) - 1)
        rest = max(sampling / size - min(interaction, seeds), 0)

    def reach(level: float) -> float:
        student, normal = t.isf(level / 2, len(means) - 1), norm.isf(level / 2)
        return float(np.sqrt(student**2 * seeds + normal**2 * rest))

    distance = abs(means.mean())
    p = 10 ** brentq(lambda power: reach(10**power) - distance, -16, 0) if reach(1e-16) > distance else 1e-16
    return float(means.mean()), reach, p


def assert_is(cell: str, rows: list[Runs], others: list[Runs]) -> None:
    found = CELL.fullmatch(cell)
    assert found, cell
    mean, low, high = map(float, found.groups())
    expected, reach, _ = estimate(rows, others)
    assert mean == pytest.approx(expected, abs=0.0051)
    assert [mean - low, high - mean] == pytest.approx([reach(0.05)] * 2, rel=ENDS, abs=0.011)


def lines_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


@pytest.mark.parametrize(("student", "link", "dataset", "words", "table"), TEACHERS)
def test_teachers_and_gains_are_those_of_the_runs(
    student: str, link: str, dataset: str, words: str, table: str
) -> None:
    heading, _, *lines = lines_of(table)
    runs, place = cells(link), (dataset, budget(words))
    validation = {}
    for name, *texts in lines:
        teacher = (*place, name.strip("*"), student)
        for column, text in zip(heading[1:], texts, strict=True):
            if column in ("validation", "accuracy"):
                key = {"validation": "val_value", "accuracy": "value"}[column]
                mean = np.mean([run[key] for run in runs[*teacher, "teacher"].values()])
                validation[teacher[2]] = max(mean, validation.get(teacher[2], mean)) if key == "val_value" else mean
                assert float(text) == pytest.approx(mean, abs=0.0051)
            elif text == "not defined":
                assert all(isinstance(run, str) and run for run in runs[*teacher, column].values())
            else:
                assert_is(text, [runs[*teacher, column]], [runs[*teacher, "none"]])


def test_the_best_teachers_are_those_with_the_highest_validation_accuracy() -> None:
    tables = [one for one in TEACHERS if "validation" in one[4]]
    assert len(tables) == 4  # two students, with few labels and with all
    for student, link, dataset, words, table in tables:
        named = [line[0] for line in lines_of(table)[2:]]
        for is_composite in (False, True):
            kind = [name for name in named if ("+" in name) == is_composite]
            scores = [
                np.mean([run["val_value"] for run in cells(link)[key].values()])
                for name in kind
                for key in [(dataset, budget(words), name.strip("*"), student, "teacher")]
            ]
            assert kind.index(next(name for name in kind if name.startswith("**"))) == int(
                np.argmax(np.round(scores, 6))
            )
            assert sum(name.startswith("**") for name in kind) == 1


@pytest.mark.parametrize(("teacher", "student", "link", "dataset", "words", "table"), PAIRINGS)
def test_gains_by_pairing_are_those_of_the_runs(
    teacher: str, student: str, link: str, dataset: str, words: str, table: str
) -> None:
    heading, _, *lines = lines_of(table)
    defined = 0
    for row, *texts in lines:
        for pairing, text in zip(heading[1:], texts, strict=True):
            runs = cells(f"{link}/{dataset}-{pairing}")
            place = (dataset, budget(words), teacher, student)
            if text == "not defined":
                assert pairing != "paired"
                assert {f"{row} needs pairs" in run for run in runs[*place, row].values()} == {True}
            else:
                defined += 1
                assert_is(text, [runs[*place, row]], [runs[*place, "none"]])
    assert defined < 3 * len(lines)


@pytest.mark.parametrize("page", ["teachers", "pairs"])
def test_claims_are_judged_by_the_runs_and_corrected_for_their_number(page: str) -> None:
    ((link, table),) = CLAIMS[page]
    _, _, *lines = lines_of(table)
    assert len(lines) >= 10
    found = []
    for _, where, of, less, measured, *_ in lines:
        sides = [side(link, where, text) for text in (of, less)]
        assert_is(measured, *sides)
        found.append(estimate(*sides))
    p = np.array([one[2] for one in found])
    for line, (mean, _, value) in zip(lines, found, strict=True):
        # Holm: with the k-th smallest of m, every p-value up to it times the number that are not smaller
        corrected = min(1.0, max(q * (p >= q).sum() for q in p if q <= value))
        shown = 0.0005 if line[5] == "< 0.001" else float(line[5])
        assert shown == pytest.approx(corrected, rel=0.25, abs=0.002)
        assert line[6] == (("yes" if mean > 0 else "no") if corrected < 0.05 else "cannot be told")


def side(link: str, where: str, text: str) -> list[Runs]:
    dataset, words = where.split(", ")
    rows = []
    for one in text.split(", "):
        *pairing, direction, row = one.split()
        runs = cells(f"{link}/{dataset}-{pairing[0]}" if pairing else link)
        place = (dataset, budget(words), *direction.split(":"))
        known = [key[-1] for key in runs if key[:-1] == place and key[-1] != "teacher"]
        names = [name for name in known if is_pairless(name)] if row == "pairless" else [row]
        rows += [runs[*place, name] for name in names]
    return rows


def is_pairless(name: str) -> bool:
    declared = methods.declared(name)
    return not declared.needs_pairs and declared.role == "method"


@pytest.mark.parametrize("page", ["teachers", "pairs"])
def test_the_command_that_writes_the_tables_finds_nothing_to_change(page: str) -> None:
    assert refreshed_runs(TEXTS[page], DOCS) == TEXTS[page]


def test_a_number_that_is_not_of_the_runs_is_replaced() -> None:
    line = TEACHERS[0][-1].splitlines()[2]
    damaged = TEXTS["teachers"].replace(line, CELL.sub("+99.99 [+0.00, +1.00]", line))
    assert damaged != TEXTS["teachers"] == refreshed_runs(damaged, DOCS)


def test_intervals_in_the_text_are_those_of_a_table() -> None:
    for text in TEXTS.values():
        lines = text.splitlines()
        tables = "\n".join(line for line in lines if line.startswith("|"))
        prose = " ".join(" ".join(line for line in lines if not line.startswith("|")).split())
        for number in CELL.findall(prose):
            assert "{} [{}, {}]".format(*number) in tables
