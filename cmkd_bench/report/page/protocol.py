"""How the numbers came about: conditions, splits, what deviates from papers, and the machines and versions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cmkd_bench.report.page.source import Files, Source

SECTIONS = {"train": "recipe", "model": "networks", "augment": "augmentation", "prepare": "preparation"}
Context = dict[str, Any]


def conditions(source: Source) -> list[Context]:
    """By dataset what all of its runs have in common, with the notes that its tables carry."""
    samples = _samples(source)
    return [
        {
            "dataset": dataset,
            "protocol": values["protocol"],
            "folds": values["folds"],
            "fixture": values["fixture"],
            "notes": source.record.notes.get(dataset, []),
            "samples": samples.get(dataset, ""),
            "sections": _sections(dataset, values),
        }
        for dataset, values in source.record.conditions.items()
    ]


def splits(source: Source) -> list[Context]:
    """Each split with the modalities that were read, its hash, and how many runs read it."""
    found: dict[tuple[str, int, tuple[str, ...], str], int] = {}
    for spec in source.specs.values():
        modalities = tuple(sorted({spec.student_modality, spec.teacher_modality or spec.student_modality}))
        key = (spec.dataset, spec.fold, modalities, spec.manifest)
        found[key] = found.get(key, 0) + 1
    return [
        {"dataset": dataset, "fold": fold, "modalities": " + ".join(modalities), "sha256": sha256, "runs": runs}
        for (dataset, fold, modalities, sha256), runs in sorted(found.items())
    ]


def deviations(source: Source) -> dict[str, list[str]]:
    """By method in what it differs from its paper, as its runs recorded it."""
    found: dict[str, dict[str, None]] = {}
    for run_id, result in source.details.items():
        found.setdefault(source.specs[run_id].method, {}).update(dict.fromkeys(result.get("deviations", ())))
    return {method: list(texts) for method, texts in found.items() if texts}


def environments(source: Source) -> list[Context]:
    """The versions and devices of the finished runs, most runs first."""
    found: dict[str, list[Files]] = {}
    for cost in source.costs.values():
        facts = {
            "code": cost.get("code", ""),
            "python": cost.get("python", ""),
            "packages": ", ".join(f"{name} {version}" for name, version in sorted(cost.get("packages", {}).items())),
            "device": cost.get("device", ""),
        }
        found.setdefault(json.dumps(facts, sort_keys=True), []).append(cost)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return [json.loads(facts) | {"runs": len(costs), "period": period(costs)} for facts, costs in ordered]


def period(costs: Iterable[Files]) -> str:
    """From the day of the first finished run to that of the last, as the runs recorded it; empty where they did not."""
    days = sorted({str(cost["finished"])[:10] for cost in costs if cost.get("finished")})
    return " to ".join(dict.fromkeys([days[0], days[-1]])) if days else ""


def papers(source: Source) -> list[tuple[str, str]]:
    """What to cite beside the suite: the methods' papers and the sources of the data, where they are registered.

    Returns:
        the names of all rows or datasets that go back to a source, and the source.
    """
    from cmkd_bench.registry import datasets, methods

    found: dict[str, dict[str, None]] = {}
    for method in dict.fromkeys(cell.method for cell in source.record.cells.values()):
        if method in methods.names() and (paper := methods.declared(method).paper) is not None:
            text = f"{paper.authors}: {paper.title}. {paper.venue}. {paper.url}".strip()
            found.setdefault(text, {})[method] = None
    for dataset in source.record.conditions:
        if dataset in datasets.names():
            for one in datasets.get(dataset).sources:
                found.setdefault(one.citation, {})[dataset] = None
    return [(", ".join(names), text) for text, names in found.items() if text]


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


def _samples(source: Source) -> dict[str, str]:
    """By dataset how many samples each part has; several texts where folds differ."""
    found: dict[str, dict[str, None]] = {}
    for run_id, result in source.details.items():
        if counts := result.get("samples"):
            parts = [name for name in ("train", "validation", "test") if name in counts]
            text = ", ".join(f"{counts[name]} {name}" for name in parts)
            found.setdefault(source.specs[run_id].dataset, {})[text] = None
    return {dataset: " / ".join(texts) for dataset, texts in found.items()}
