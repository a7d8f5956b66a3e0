"""Write the miniature of a downloadable dataset: generated media in its official layout, marked as no real data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.data.media.location import FIXTURE_MARK
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_json


def write_miniature(cls: type[MediaDataset[Any]], out: Path, clips: int, seed: int = 0) -> Path:
    """Write a miniature below a folder, which can be used as the data root, and return the dataset's folder.

    Args:
        cls: the dataset.
        out: the folder.
        clips: approximate number of samples.
        seed: seed of the generated media.

    Raises:
        UserError: if the dataset's folder is not empty.
    """
    folder = out / cls.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty and will not be overwritten. Choose another --out, or remove it.")
    folder.mkdir(parents=True, exist_ok=True)
    cls.write_fixture(folder, clips, np.random.default_rng(seed))
    write_json(folder / FIXTURE_MARK, {"dataset": cls.registry_name, "clips": clips, "seed": seed})
    return folder
