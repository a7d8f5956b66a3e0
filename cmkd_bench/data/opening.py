"""A dataset by its name, with its options, and with a preparation if it is one that lies on the user's disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cmkd_bench.config.compose import Configuration
from cmkd_bench.config.preparation import Preparation
from cmkd_bench.config.roots import Roots
from cmkd_bench.data.loading import PreparedData, prepare
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.dataset import Dataset
from cmkd_bench.experiment.spec import Settings, settings
from cmkd_bench.parameters import build
from cmkd_bench.registry import datasets


@dataclass(frozen=True)
class DataSpec:
    """Which data a run reads, and how.

    Attributes:
        dataset: name in the registry.
        options: of the dataset.
        preparation: how it is stored; empty for a dataset that is loaded into memory.
        fold: index of the split.
        modalities: those in use.
        tokenizers: by modality, for texts.
    """

    dataset: str
    options: Settings
    preparation: Settings
    fold: int
    modalities: tuple[str, ...]
    tokenizers: tuple[tuple[str, str], ...] = ()

    def open(self, roots: Roots) -> PreparedData:
        """The prepared data.

        Args:
            roots: where they lie.

        Raises:
            UserError: where they are not to be had.
        """
        preparation = build(Preparation, dict(self.preparation)) if self.preparation else None
        dataset = open_dataset(self.dataset, dict(self.options), preparation, roots)
        return prepare(dataset, self.fold, self.modalities, dict(self.tokenizers))


def open_dataset(name: str, options: Mapping[str, Any], preparation: Preparation | None, roots: Roots) -> Dataset[Any]:
    """The dataset, not loaded yet."""
    cls = datasets.get(name)
    built: Any = build(cls.Options, options)
    return cls(built, preparation, roots) if issubclass(cls, MediaDataset) else cls(built)


def open_configured(name: str, configuration: Configuration, options: Mapping[str, Any], roots: Roots) -> Dataset[Any]:
    """The dataset as a grid has it: with the protocol's options, and those of the command line on top.

    Args:
        name: in the registry.
        configuration: composed for it.
        options: of the command line.
        roots: where data lie.
    """
    return open_dataset(name, {**configuration.options, **options}, configuration.preparation, roots)


def preparation_settings(dataset: Dataset[Any]) -> Settings:
    """The preparation as a run's id contains it: of a dataset in memory it is empty."""
    return settings(dataset.preparation) if isinstance(dataset, MediaDataset) and dataset.preparation else ()
