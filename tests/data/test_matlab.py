"""MATLAB files: found, loaded, refused with a reason, and written alike twice."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from cmkd_bench.data.fixtures.encoding import truncate, write_mat, write_mat73
from cmkd_bench.data.media.clips import BadClip
from cmkd_bench.data.media.matlab import find_file, load_mat, open_hdf5, text_cells
from cmkd_bench.errors import UserError


def test_the_nearest_file_is_found(tmp_path: Path) -> None:
    for folder in ("a/b", "z"):
        write_mat(tmp_path / folder / "splits.mat", {"x": 1})
    assert find_file(tmp_path, "splits.mat", "") == tmp_path / "z/splits.mat"


@pytest.mark.parametrize("folder", ["", "no/such/folder"])
def test_a_missing_file_is_said_with_its_origin(tmp_path: Path, folder: str) -> None:
    with pytest.raises(UserError, match=r"no 'splits\.mat' in .* or below it\. Published there\."):
        find_file(tmp_path / folder, "splits.mat", "Published there.")


def test_written_variables_are_loaded_by_scipy_and_by_us(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    write_mat(path, {"numbers": np.array([[3], [4]], np.uint16), "cells": np.array([["one", "three"]], object)})
    assert scipy.io.loadmat(str(path))["numbers"].tolist() == [[3], [4]]
    content = load_mat(path, "numbers", "cells")
    assert content["numbers"].tolist() == [3, 4]
    assert content["cells"].tolist() == ["one", "three"]


def test_the_time_of_writing_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mat(tmp_path / "a.mat", {"x": 1})
    monkeypatch.setattr(time, "asctime", lambda *_: "Mon Jan  1 00:00:00 2001")
    write_mat(tmp_path / "b.mat", {"x": 1})
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()


def test_files_that_cannot_be_loaded_are_named_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    write_mat(path, {"other": np.arange(1000)})
    with pytest.raises(UserError, match="'wanted', only: other"):
        load_mat(path, "wanted")
    truncate(path)
    with pytest.raises(UserError, match=r"a\.mat is not a readable MATLAB file"):
        load_mat(path, "other")
    write_mat73(path, {"other": np.arange(3)})
    with pytest.raises(UserError, match=r"version 7\.3.*'-v7'"):
        load_mat(path, "other")


def test_cells_are_references_to_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    write_mat73(path, {"group/texts": np.array([["bed", "caf\u00e9"]], object), "numbers": np.arange(6).reshape(2, 3)})
    assert path.read_bytes().startswith(b"MATLAB 7.3 MAT-file")
    with h5py.File(path) as file:
        assert file["numbers"][1].tolist() == [3, 4, 5]
        reference = file["group/texts"][0, 0]
        assert file[reference].dtype == np.uint16
        assert file[reference][:, 0].tolist() == [98, 101, 100]
        assert text_cells(file, "group/texts") == ["bed", "caf\u00e9"]


@pytest.mark.parametrize("content", [np.zeros((2, 1), np.uint64), np.array([[1.5]]), np.array([[0xD800]], np.uint16)])
def test_cells_that_are_no_text_are_refused(tmp_path: Path, content: np.ndarray) -> None:
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = "bed", content
    write_mat73(tmp_path / "a.mat", {"scenes": cells})
    with h5py.File(tmp_path / "a.mat") as file, pytest.raises(UserError, match="entry 1 of 'scenes' is not text"):
        text_cells(file, "scenes")


def test_plain_numbers_and_missing_keys_are_no_cells(tmp_path: Path) -> None:
    write_mat73(tmp_path / "a.mat", {"scenes": np.arange(3.0)})
    with h5py.File(tmp_path / "a.mat") as file:
        with pytest.raises(UserError, match="entry 0 of 'scenes' is not text"):
            text_cells(file, "scenes")
        with pytest.raises(UserError, match="has no 'sceneTypes', only: scenes"):
            text_cells(file, "sceneTypes")


def test_a_handle_is_kept_and_bad_files_are_bad_clips(tmp_path: Path) -> None:
    with pytest.raises(BadClip, match="missing"):
        open_hdf5(tmp_path / "a.mat")
    write_mat73(tmp_path / "a.mat", {"x": np.arange(3)})
    assert open_hdf5(tmp_path / "a.mat") is open_hdf5(tmp_path / "a.mat")
    (tmp_path / "b.mat").write_bytes(b"no HDF5")
    with pytest.raises(BadClip, match="not a readable HDF5 file"):
        open_hdf5(tmp_path / "b.mat")
