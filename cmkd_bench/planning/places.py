"""The device of each dataset's runs, and what follows from it: one device and one precision for all rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cmkd_bench.config.compose import Configuration
from cmkd_bench.config.settings_files import AUTO
from cmkd_bench.dataset import Dataset
from cmkd_bench.networks import is_large


def networks_of(configuration: Configuration, dataset: type[Dataset[Any]]) -> set[str]:
    """Return the networks for all modalities of a dataset, so that the requested pairs make no difference."""
    kinds = {modality.kind for modality in dataset.modalities}
    return {configuration.network(role, kind) for role in ("teacher", "student") for kind in kinds}


def device_of(launcher: Mapping[str, Any], dataset: str, networks: Iterable[str]) -> str:
    """Return the device of a dataset's runs, `cpu` or `cuda`.

    With `auto`, that is the GPU if there is one and a network is worth it. A cluster has GPUs if jobs ask for them.
    """
    here = launcher.get("datasets", {}).get(dataset, {}) if launcher["kind"] == "slurm" else {}
    values = {**launcher, **here}
    if values["device"] != AUTO:
        return str(values["device"])
    if not any(map(is_large, networks)):
        return "cpu"
    return "cuda" if _has_gpu(values) else "cpu"


def configured_for(configuration: Configuration, device: str, networks: Iterable[str]) -> Configuration:
    """Return the configuration with the precision that `auto` stands for on a device."""
    half = device == "cuda" and any(map(is_large, networks))
    return replace(configuration, recipe=configuration.recipe.on(device, half=half))


def _has_gpu(launcher: Mapping[str, Any]) -> bool:
    if launcher["kind"] == "slurm":
        return int(launcher["gpus"]) > 0
    from cmkd_bench.training.device import gpu_count

    return gpu_count() > 0
