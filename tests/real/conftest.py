"""Official annotation files, where the environment says that they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from official_layout import lay_out

from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.registry import datasets

REAL_FILES = "CMKD_REAL_FILES"


@pytest.fixture(scope="session")
def real_files() -> Path:
    """The folder with the official annotation files, one folder per dataset. Without one, tests are skipped."""
    folder = os.environ.get(REAL_FILES, "")
    if not folder:
        pytest.skip(f"{REAL_FILES} does not name a folder with the datasets' official annotation files")
    assert Path(folder).is_dir(), f"{REAL_FILES}={folder}: not a folder"
    return Path(folder)


@pytest.fixture(scope="session")
def laid_out(real_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a dataset's annotations in the layout of its archive, below a folder of its usual name."""
    root = tmp_path_factory.mktemp("official")
    return cache(lambda name: lay_out(real_files, name, root / datasets.get(name).folder))


@pytest.fixture(scope="session")
def read(laid_out: Callable[[str], Path]) -> Callable[..., Catalogue]:
    """Return the catalogue of a dataset with options, read once."""

    @cache
    def call(name: str, **options: Any) -> Catalogue:
        cls: Any = datasets.get(name)
        return cls(cls.Options(**options)).catalogue(laid_out(name))

    return call
