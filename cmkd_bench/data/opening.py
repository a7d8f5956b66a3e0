"""Open a dataset by name, with its options, and with a preparation if its files are on the user's disk."""

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
    """The data that a run reads."""

    dataset: str  # name in the registry
    options: Settings  # options of the dataset
    preparation: Settings  # settings of its preparation; empty for a dataset that is loaded into memory
    fold: int  # index of the split
    modalities: tuple[str, ...]  # those in use
    tokenizers: tuple[tuple[str, str], ...] = ()  # by modality, for texts

    def open(self, roots: Roots) -> PreparedData:
        """Return the prepared data.

        Args:
            roots: folders of the data.

        Raises:
            UserError: if they are not available.
        """
        return prepare(self.open_dataset(roots), self.fold, self.modalities, dict(self.tokenizers))

    def open_dataset(self, roots: Roots) -> Dataset[Any]:
        """Return the dataset itself, not loaded yet."""
        preparation = build(Preparation, dict(self.preparation)) if self.preparation else None
        return open_dataset(self.dataset, dict(self.options), preparation, roots)


def open_dataset(name: str, options: Mapping[str, Any], preparation: Preparation | None, roots: Roots) -> Dataset[Any]:
    """Return the dataset, not loaded yet."""
    cls = datasets.get(name)
    built: Any = build(cls.Options, options)
    if not issubclass(cls, MediaDataset):
        return cls(built)
    dataset = cls(built, preparation)
    dataset.roots = roots
    return dataset


def open_configured(name: str, configuration: Configuration, options: Mapping[str, Any], roots: Roots) -> Dataset[Any]:
    """Return the dataset as a grid uses it: with the protocol's options, overridden by those of the command line.

    Args:
        name: name in the registry.
        configuration: composed for it.
        options: options from the command line.
        roots: folders of the data.
    """
    return open_dataset(name, {**configuration.options, **options}, configuration.preparation, roots)


def preparation_settings(dataset: Dataset[Any]) -> Settings:
    """Return the preparation as part of a run's id: empty for a dataset in memory."""
    return settings(dataset.preparation) if isinstance(dataset, MediaDataset) and dataset.preparation else ()
