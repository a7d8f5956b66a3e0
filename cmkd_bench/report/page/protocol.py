"""How the numbers were produced: conditions, splits, deviations from papers, and the machines and versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from cmkd_bench.composite import parts_of
from cmkd_bench.registry import datasets
from cmkd_bench.report.experiment_data import ExperimentData, PageValues
from cmkd_bench.report.page.relevance import relevant
from cmkd_bench.report.page.run_details import MISSING
from cmkd_bench.report.text_table import TextTable

SECTIONS = {
    "train": "recipe",
    "model": "networks",
    "augment": "augmentation",
    "strong": "strong views",
    "prepare": "preparation",
}


def conditions(data: ExperimentData) -> list[dict[str, Any]]:
    """List by dataset what its runs have in common and what can matter for them, with the notes of its tables."""
    samples = _samples(data)
    return [
        {
            "dataset": dataset,
            "protocol": values["protocol"],
            "folds": values["folds"],
            "fixture": values["fixture"],
            "notes": data.record.notes.get(dataset, []),
            "samples": samples.get(dataset, ""),
            "sections": _sections(dataset, relevant(values, _kinds(data, dataset))),
        }
        for dataset, values in data.record.conditions.items()
    ]


def splits(data: ExperimentData) -> TextTable:
    """List each split with the modalities that were read, its hash, and how many runs read it."""
    found: Counter[tuple[str, int, str, str]] = Counter()
    for spec in data.specs.values():
        sides = (spec.student_modality, *(one.modality for one in spec.teachers))
        modalities = " + ".join(sorted({part for side in sides for part in parts_of(side)}))
        found[spec.dataset, spec.fold, modalities, spec.manifest] += 1
    header = ("dataset", "modalities read", "SHA-256 of split and data", "fold", "runs")
    rows = ((dataset, text, sha, f"{fold}", f"{runs}") for (dataset, fold, text, sha), runs in sorted(found.items()))
    note = "The hash covers the sample ids of each part in order, the labels, and the data of the modalities read."
    return TextTable("Splits", header, tuple(rows), (note,), texts=3)


def deviations(data: ExperimentData) -> dict[str, list[str]]:
    """List by method how it deviates from its paper, as its runs recorded it."""
    found: dict[str, dict[str, None]] = {}
    for run_id, result in data.details.items():
        found.setdefault(data.specs[run_id].method, {}).update(dict.fromkeys(result.get("deviations", ())))
    return {method: list(texts) for method, texts in found.items() if texts}


def environments(data: ExperimentData) -> TextTable:
    """List the versions and devices of the finished runs, most runs first."""
    found: dict[tuple[str, ...], list[PageValues]] = {}
    for cost in data.costs.values():
        packages = ", ".join(f"{name} {version}" for name, version in sorted(cost.get("packages", {}).items()))
        facts = [str(cost.get("code", "")), _device(cost), str(cost.get("python", "")), packages]
        found.setdefault(tuple(fact or MISSING for fact in facts), []).append(cost)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = ((period(costs) or MISSING, *facts, str(len(costs))) for facts, costs in ordered)
    header = ("finished", "cmkd-bench", "device", "Python", "packages", "runs")
    note = (
        "As recorded by the runs. Results are bit-identical on CPUs of the same model with the same versions of the "
        "packages, but not across CPU models or on GPUs."
    )
    return TextTable("Environment", header, tuple(rows), (note,), texts=5)


def _device(cost: PageValues) -> str:
    """Name a run's device, a GPU's precision and settings, and the CPU with the instructions and threads of torch."""
    known = {name: str(cost.get(name, "")) for name in ("device", "cpu", "instructions", "threads")}
    threads = known["threads"] and f"{known['threads']} thread{'s' * (known['threads'] != '1')}"
    on_gpu = [str(cost["precision"]), *cost["kernels"]] if "kernels" in cost else []
    return ", ".join(filter(None, [known["device"], *on_gpu, known["cpu"], known["instructions"], threads]))


def period(costs: Iterable[PageValues]) -> str:
    """Return the days of the first and the last finished run; empty where no run recorded them."""
    days = sorted({str(cost["finished"])[:10] for cost in costs if cost.get("finished")})
    return " to ".join(dict.fromkeys([days[0], days[-1]])) if days else ""


def _kinds(data: ExperimentData, dataset: str) -> set[str]:
    """Return the kinds of the modalities that cells read; none where the dataset is not registered."""
    if dataset not in datasets.names():
        return set()
    cells = (cell for cell in data.record.cells.values() if cell.dataset == dataset)
    sides = {side for cell in cells for side in (cell.teacher_modality, cell.student_modality)}
    read = {part for side in sides for part in parts_of(side)}
    return {modality.kind for modality in datasets.get(dataset).modalities if modality.name in read}


def _sections(dataset: str, values: dict[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    found: dict[str, list[tuple[str, Any]]] = {}
    for name, value in values.items():
        section, dot, rest = name.removeprefix(f"dataset.{dataset}.").partition(".")
        if name.startswith(f"dataset.{dataset}."):
            found.setdefault("dataset options", []).append((section + dot + rest, value))
        elif dot:
            found.setdefault(SECTIONS.get(section, section), []).append((rest, value))
    if values.get("pretrained"):
        found.setdefault("networks", []).append(("pretrained", values["pretrained"]))
    return list(found.items())


def _samples(data: ExperimentData) -> dict[str, str]:
    """Say by dataset how many samples each part has; several texts where folds differ."""
    found: dict[str, dict[str, None]] = {}
    for run_id, result in data.details.items():
        if sizes := result.get("samples"):
            parts = [name for name in ("train", "validation", "test") if name in sizes]
            text = ", ".join(f"{sizes[name]} {name}" for name in parts)
            found.setdefault(data.specs[run_id].dataset, {})[text] = None
    return {dataset: " / ".join(texts) for dataset, texts in found.items()}
