"""Every downloaded dataset from its official layout to the leaderboard, on the miniature that the suite writes."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import numpy as np
import pandas as pd
import pytest
import timm
import torch
from command_line import Command
from safetensors.torch import load_file, save_file

import cmkd_bench
from cmkd_bench.config.roots import Roots
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.opening import DataSpec
from cmkd_bench.errors import GridError, UserError
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.registry import datasets
from cmkd_bench.testing._dataset_case import SMALL
from cmkd_bench.training.assembly import data_of

QUICK = (*SMALL, "augment.frames=1", "train.epochs=6")
# The defects that a miniature has are found in skipped.csv: a part of the sample's id, and of the reason.
DEFECTS = {
    "cremad": [("1076_MTI_SAD", "known defect"), ("", "git-lfs"), ("", "empty file"), ("", "missing")],
    "ave": [
        ("VWi2ENBuTbw", "zero length"),
        ("-no_track", "no audio track"),
        ("-silent", "silent"),
        ("-missing", "missing"),
    ],
    "vggsound": [("-muted", "silent"), ("-no_track", "no audio track"), ("-truncated", ""), ("", "listed twice")],
    "crisismmd": [("", "git-lfs"), ("", "missing"), ("", "cannot be decoded")],
    "nyudv2": [("0001", "no pixel has a depth"), ("0004", "no pixel is labeled")],
    "ravdess": [("", "missing"), ("", "empty file"), ("", "cannot be decoded")],
    "avmnist": [],
    "sunrgbd": [("", "missing"), ("", "idk"), ("", "cannot be decoded")],
    "sketchy": [("", "invalid-ambiguous.txt"), ("", "git-lfs"), ("", "missing")],
}
NAMES = sorted(DEFECTS)
Miniature = Callable[[str], None]


def test_every_downloaded_dataset_of_the_suite_is_tested() -> None:
    classes = {name: datasets.get(name) for name in datasets.names()}
    built_in = [name for name, cls in classes.items() if cls.__module__ == f"cmkd_bench.datasets.{name}"]
    assert [name for name in built_in if issubclass(classes[name], MediaDataset)] == NAMES


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root that holds the miniatures which the tests asked for so far."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def miniature(root: Path, tmp_path: Path, cmkd: Command, monkeypatch: pytest.MonkeyPatch) -> Miniature:
    """Write the miniature of a dataset by the command, unless it is there; it is found, and nothing is prepared yet."""
    monkeypatch.setenv("CMKD_DATA_ROOT", str(root))
    monkeypatch.setenv("CMKD_PREPARED_ROOT", str(tmp_path / "prepared"))

    def write(name: str) -> None:
        if not (root / datasets.get(name).folder).exists():
            assert cmkd("fixture", name, "--out", str(root)).returncode == 0

    return write


def _run(name: str, tmp_path: Path, **changes: object) -> pd.DataFrame:
    arguments: dict[str, object] = {"methods": "kd,c2kd", "seeds": 1, "overrides": QUICK, "experiment": "small"}
    return cmkd_bench.run(
        datasets=name,
        results=tmp_path / "results",
        controls=False,
        quiet=True,
        **(arguments | changes),  # type: ignore[arg-type]
    )


def _chance(spec: RunSpec) -> float:
    """Percent right by always naming the most frequent class of the test part, or pixel."""
    data = DataSpec(**vars(data_of(spec))).open(Roots.read())
    rows = data.parts["test"]
    if data.targets is None:
        return 100 * float(np.bincount(data.labels[rows]).max()) / len(rows)
    pixels = np.bincount(data.targets[rows].ravel(), minlength=256)[:255]
    return 100 * float(pixels.max() / pixels.sum()) / int((pixels > 0).sum())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_from_media_to_the_leaderboard(miniature: Miniature, name: str, tmp_path: Path) -> None:
    miniature(name)
    results = _run(name, tmp_path)
    assert results["status"].unique().tolist() == ["done"], results["error"].dropna().tolist()
    assert len(results) == 8  # both ways: the teacher, the student alone, and two methods
    assert results["fixture"].all()
    experiment = Experiment(tmp_path / "results", "small")
    alone = results[results["method"] == "none"]
    chance = _chance(experiment.read_spec(alone["run_id"].iloc[0]))
    # one of the two at least; a student of few samples may need longer for the other
    assert alone["value"].max() > 1.5 * chance, f"{alone['value'].tolist()} with chance at {chance}"
    assert (alone["value"] > 0).all()
    table = (experiment.path / "leaderboard.md").read_text()
    assert "FIXTURE, not the dataset" in table
    first, second = datasets.get(name).default_pairs[0]
    assert f"{first} → {second}" in table
    assert f"{second} → {first}" in table
    with (tmp_path / "prepared" / name / "skipped.csv").open(encoding="utf-8", newline="") as file:
        skipped = list(csv.DictReader(file))
    for sample, reason in DEFECTS[name]:
        assert [line for line in skipped if sample in line["sample_id"] and reason in line["reason"]], (sample, reason)


@pytest.mark.slow
def test_a_teacher_that_sees_and_hears_from_media_to_the_leaderboard(miniature: Miniature, tmp_path: Path) -> None:
    miniature("ave")
    pairs = ["audio+video:video", "audio+video:audio", "audio:video"]
    results = _run("ave", tmp_path, methods="kd,kd_ensemble", pairs=pairs, one_way=True)
    states = results.set_index(["method", "teacher_modality", "student_modality"])["status"]
    both = [("video+audio", "video"), ("video+audio", "audio")]
    assert {place for place, state in states.items() if state == "not defined"} == {("kd_ensemble", *at) for at in both}
    assert set(states) == {"done", "not defined"}
    experiment = Experiment(tmp_path / "results", "small")
    (teacher,) = set(results.loc[(results["method"] == "teacher") & (results["student_modality"] == "audio"), "run_id"])
    spec = experiment.read_spec(teacher)
    assert (spec.student_modality, spec.student_network.partition("(")[0]) == ("video+audio", "concat")
    (value,) = results.loc[results["run_id"] == teacher, "value"].unique()
    assert value > 1.5 * _chance(spec)
    header = next(line for line in (experiment.path / "leaderboard.md").read_text().splitlines() if "method" in line)
    assert header == "| method | video+audio → video | video+audio → audio | audio → video |"


@pytest.mark.slow
def test_a_teacher_that_reads_and_sees_to_the_leaderboard(tmp_path: Path) -> None:
    quick = {"overrides": ["train.epochs=1"], "pairs": ["text+image:image"], "methods": "kd", "labels": 0.1}
    results = _run("openmoji", tmp_path, **quick)
    assert set(results["status"]) == {"done"}
    assert {(row.method, row.teacher_modality, row.student_modality) for row in results.itertuples()} == {
        (name, "image+text", "image") for name in ("teacher", "none", "kd")
    }
    assert "image+text → image" in (tmp_path / "results" / "small" / "leaderboard.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "classes"), [("nyudv2", 13), ("sunrgbd", 37)])
def test_a_contrast_of_images_trains_a_segmentation(
    miniature: Miniature, name: str, classes: int, tmp_path: Path
) -> None:
    miniature(name)
    dense = (*QUICK, f"dataset.{name}.task=segmentation{classes}", "method.cmcd.evaluation=ft")
    found = _run(name, tmp_path, methods="cmcd,crd", one_way=True, overrides=dense)
    assert found["status"].unique().tolist() == ["done"], found["error"].dropna().tolist()
    assert found["metric"].unique().tolist() == ["miou"]
    experiment = Experiment(tmp_path / "results", "small")
    chance = _chance(experiment.read_spec(found["run_id"].iloc[0]))
    assert (found["value"] > 1.5 * chance).all(), f"{found[['method', 'value']]} with chance at {chance}"
    for run_id in found.loc[found["method"] == "cmcd", "run_id"]:
        phases = [epoch["phase"] for epoch in experiment.read_history(run_id)]
        assert phases == ["distillation"] * 4 + ["train"] * 2


@pytest.mark.slow
def test_the_other_source_of_a_dataset_from_media_to_the_leaderboard(miniature: Miniature, tmp_path: Path) -> None:
    miniature("avmnist")
    overrides = (*QUICK, "dataset.avmnist.source=fsdd", "prepare.seconds=0.6", "augment.columns=0")
    results = _run("avmnist", tmp_path, overrides=overrides, methods="kd", folds=[0, 5])
    assert results["status"].unique().tolist() == ["done"], results["error"].dropna().tolist()
    assert set(results["fold"]) == {0, 5}
    assert results[results["method"] == "none"]["value"].max() > 1.5 * 25
    skipped = (tmp_path / "prepared/avmnist/skipped.csv").read_text(encoding="utf-8")
    assert "0_someone_0" in skipped
    assert "1_jackson_00" in skipped


def test_numbers_of_a_miniature_never_stand_beside_real_ones(miniature: Miniature, tmp_path: Path) -> None:
    miniature("avmnist")
    with pytest.raises(GridError, match="fixtures \\(avmnist\\) and real datasets \\(mfeat\\)"):
        _run("avmnist,mfeat", tmp_path)
    assert not list((tmp_path / "results").glob("*/runs/*/result.json"))


def test_a_miniature_is_named_in_the_experiment(miniature: Miniature, tmp_path: Path) -> None:
    miniature("avmnist")
    grid = resolve(GridOptions(datasets="avmnist", overrides=SMALL, results=tmp_path))
    assert grid.experiment.name.startswith("smoke+fixture+")


def test_missing_datasets_are_all_named_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMKD_DATA_ROOT", str(tmp_path))
    monkeypatch.setenv("CMKD_PREPARED_ROOT", str(tmp_path / "prepared"))
    with pytest.raises(GridError) as caught:
        _run("ave,crisismmd,mfeat", tmp_path)
    message = str(caught.value)
    assert message.startswith("2 problems:")
    for part in (
        "'ave' was not found",
        str(tmp_path / "AVE_Dataset"),
        "'crisismmd' was not found",
        "cmkd-bench prepare ave --root",
    ):
        assert part in message
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_selection_on_the_test_part_is_marked(miniature: Miniature, tmp_path: Path) -> None:
    miniature("cremad")
    small = ("protocol=c2kd", "model=tiny", *QUICK[2:], "prepare.frames=2", "train.epochs=2", "train.batch_size=16")
    results = _run("cremad", tmp_path, methods="kd", overrides=small)
    assert results["selected_on"].unique().tolist() == ["test"]
    table = (tmp_path / "results" / "small" / "leaderboard.md").read_text()
    assert "protocol c2kd; selected on test" in table
    assert "epoch is selected on the test part" in table
    assert "speakers" in table


def test_pretrained_weights_of_a_folder_are_where_training_starts(miniature: Miniature, tmp_path: Path) -> None:
    miniature("sketchy")
    torch.manual_seed(5)
    backbone = timm.create_model("test_resnet", num_classes=0)
    weights = tmp_path / "weights"
    weights.mkdir()
    save_file(backbone.state_dict(), weights / "test_resnet.safetensors")
    untrained = (*QUICK, "train.learning_rate=0", "train.final_learning_rate=0", f"model.pretrained={weights}")
    results = _run("sketchy", tmp_path, methods="none", overrides=untrained, one_way=True)
    experiment = Experiment(tmp_path / "results", "small")
    for run_id in results["run_id"]:
        assert experiment.read_spec(run_id).pretrained.startswith("sha256:")
        found = load_file(experiment.run(run_id).weights)
        assert torch.equal(found["backbone.conv1.0.weight"], backbone.state_dict()["conv1.0.weight"])
    backbone.state_dict()["conv1.0.weight"].zero_()
    save_file(backbone.state_dict(), weights / "test_resnet.safetensors")
    with pytest.raises(GridError, match="pretrained"):
        _run("sketchy", tmp_path, methods="none", overrides=untrained, one_way=True)


def test_weights_that_cannot_be_had_are_one_message_before_anything_starts(
    miniature: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    miniature("sketchy")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # what the variable says to a new process
    with pytest.raises(UserError, match=r"model\.pretrained"):
        _run("sketchy", tmp_path, methods="none", overrides=(*QUICK, "model.pretrained=true"))
    assert not (tmp_path / "results").exists()
