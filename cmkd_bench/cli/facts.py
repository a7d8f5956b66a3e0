"""What `list` and `show` know of methods, datasets and networks, as values that JSON can hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cmkd_bench.config.roots import DATA_ROOT, Roots
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import describe
from cmkd_bench.registry import Registry, datasets, families, methods, networks

if TYPE_CHECKING:
    from cmkd_bench.dataset import Dataset

Facts = dict[str, Any]
ORIGINS = ("embedded", "downloaded")


def summaries(registry: Registry[Any]) -> list[Facts]:
    """Return name and summary of everything in a registry."""
    return [{"name": name, "summary": registry.summary(name)} for name in registry.names()]


def methods_listed() -> list[Facts]:
    """Return name, category and summary of every method."""
    return [one | {"category": methods.category(one["name"])} for one in summaries(methods)]


def datasets_listed(roots: Roots) -> Iterator[Facts]:
    """Yield what `list datasets` shows of each dataset; of one that cannot be imported, what is wrong with it."""
    for name in datasets.names():
        try:
            cls = datasets.get(name)
        except UserError as error:  # of a third party; the others are listed all the same
            yield {"name": name, "error": str(error)}
            continue
        yield {
            "name": name,
            "summary": datasets.summary(name),
            "kind": origin_of(cls),
            "tasks": list(cls.tasks),
            "state": state_of(cls, roots),
            "classes": len(cls.classes),
            "modalities": [modality.name for modality in cls.modalities],
        }


def origin_of(cls: type[Dataset[Any]]) -> str:
    """Return one of ORIGINS."""
    from cmkd_bench.data.media.media_dataset import MediaDataset

    return ORIGINS[issubclass(cls, MediaDataset)]


def state_of(cls: type[Dataset[Any]], roots: Roots) -> str:
    """Return the state of a download in a few words; empty for a dataset that needs none."""
    from cmkd_bench.data.media.checking.presence import presence_of
    from cmkd_bench.data.media.media_dataset import MediaDataset

    return presence_of(cls, roots).summary if issubclass(cls, MediaDataset) else ""


def facts_of(name: str, roots: Roots) -> Facts:
    """Return all about one method, dataset, network, or family of networks, which must exist."""
    if name in methods.names():
        return {"is": "method", "name": name, "summary": methods.summary(name)} | _method(name)
    if name in datasets.names():
        return {"is": "dataset", "name": name, "summary": datasets.summary(name)} | _dataset(name, roots)
    registry: Registry[Any] = networks if name in networks.names() else families
    one = name if registry is networks else name.partition("/")[0]
    registry.require(one)
    return {"is": registry.kind, "name": one, "summary": registry.summary(one)}


def traits_of(name: str) -> dict[str, str]:
    """Return what a method declares of itself, in words."""
    cls = methods.declared(name)
    return {
        "role": cls.role,
        "category": methods.category(name),
        "teacher": cls.teacher + (", then updated with the student" if cls.updates_teacher else ""),
        "further teachers": ", ".join(cls.further_teachers) or "none",
        "pairs": cls.pairing + ("" if cls.needs_pairs else "; also --pairing unpaired, same_class"),
        "views": ", ".join(("training", *cls.further_views(cls.HyperParameters()))),
        "unlabeled": cls.unlabelled or "not supported",
        "unpaired": "no teacher" if cls.teacher == "none" else cls.unpaired or "not supported",
        "presets": ", ".join(f"method.{name}.preset={preset}" for preset in cls.presets) or "none",
    }


def media_of(cls: type[Dataset[Any]], roots: Roots) -> dict[str, str]:
    """Return whether a downloaded dataset is available and how to obtain it; empty if it needs no download."""
    from cmkd_bench.data.media.checking.presence import presence_of
    from cmkd_bench.data.media.media_dataset import MediaDataset

    if not issubclass(cls, MediaDataset):
        return {}
    name = cls.registry_name
    presence = presence_of(cls, roots)
    found = presence.search
    looked = ", ".join(map(str, found.candidates)) or f"{DATA_ROOT} is not set"
    prepared = f"{presence.sets} set{'s' if presence.sets > 1 else ''} in {roots.prepared / name}"
    official = cls(cls.Options()).official()
    published = ", ".join(f"{part} {count}" for part, count in official.samples.items()) if official else ""
    return {
        **({"published": published} if published else {}),
        "state": presence.summary,
        "found": str(found.root) if found.root else f"no ({looked}; expected: {', '.join(cls.marks)})",
        "check": f"cmkd-bench check {name}{'' if found.root else ' --root DIR'}",
        "prepared": prepared if presence.sets else f"no (cmkd-bench prepare {name} --root DIR)",
        "obtain": cls.obtain,
    }


def _method(name: str) -> Facts:
    cls = methods.declared(name)
    paper = None if cls.paper is None else dataclasses.asdict(cls.paper)
    return {
        **traits_of(name),
        "presets": cls.presets,
        "paper": paper,
        "deviations": list(cls.deviations),
        "parameters": _parameters(f"method.{name}", cls.HyperParameters),
    }


def _dataset(name: str, roots: Roots) -> Facts:
    cls = datasets.get(name)
    return {
        "kind": origin_of(cls),
        "task": cls.task,
        "tasks": list(cls.tasks),
        "classes": list(cls.classes),
        "modalities": [dataclasses.asdict(modality) for modality in cls.modalities],
        "default_pairs": [":".join(pair) for pair in cls.default_pairs],
        "folds": cls.folds,
        "sources": [dataclasses.asdict(source) for source in cls.sources],
        **media_of(cls, roots),
        "parameters": _parameters(f"dataset.{name}", cls.Options),
    }


def _parameters(prefix: str, parameters: type) -> list[Mapping[str, Any]]:
    return [
        {
            "set_by": f"{prefix}.{one.name}",
            "type": one.type,
            "default": one.default,
            "meaning": one.meaning,
            "choices": list(one.choices),
            "source": one.source,
            "search": None if one.search is None else str(one.search),
        }
        for one in describe(parameters)
    ]
