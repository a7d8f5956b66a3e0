"""Official annotation files, where the environment says that they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REAL_FILES = "CMKD_REAL_FILES"


@pytest.fixture(scope="session")
def real_files() -> Path:
    """The folder with the official annotation files, one folder per dataset."""
    folder = os.environ.get(REAL_FILES, "")
    if not folder:
        pytest.skip(f"{REAL_FILES} does not name a folder with the datasets' official annotation files")
    return Path(folder)
