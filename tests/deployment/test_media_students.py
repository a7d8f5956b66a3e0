"""Students of downloaded datasets, on miniatures: prepared arrays, files decoded anew, exported programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import Command
from safetensors.torch import load_file

import cmkd_bench
from cmkd_bench.data.media.clips import AudioClip, VideoClip
from cmkd_bench.training.segmentation import confusion

SMOKE = ["protocol=smoke", "model=tiny", "train.epochs=1"]


@pytest.fixture
def root(tmp_path: Path, cmkd: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMKD_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("CMKD_PREPARED_ROOT", str(tmp_path / "prepared"))
    return tmp_path


def train(root: Path, cmkd: Command, dataset: str, *overrides: str) -> None:
    assert cmkd("fixture", dataset, "--out", str(root / "data")).returncode == 0
    cmkd_bench.run(
        ["kd"], [dataset], seeds=1, overrides=[*SMOKE, *overrides], experiment="small", results=root / "results",
        jobs=1, controls=False, quiet=True,
    )  # fmt: skip


@pytest.mark.slow
def test_sound_and_video(root: Path, cmkd: Command) -> None:
    train(root, cmkd, "ravdess")
    for modality, shape in (("audio", (1, 64, 101)), ("video", (4, 3, 72, 72))):
        student = cmkd_bench.load_student("small", root / "results", method="kd", student_modality=modality)
        assert student.sample_shape == shape
        data = student.load_data()
        samples = data.inputs[modality][data.parts["test"]]
        saved = load_file(root / f"results/small/runs/{student.spec.id}/predictions.safetensors")["logits"]
        assert torch.equal(student(samples), saved)
        name = str(data.sample_ids[data.parts["test"][0]])
        sound = AudioClip(f"03-{name.removeprefix('01-')}.wav")
        clip = sound if modality == "audio" else VideoClip(f"01-{name.removeprefix('01-')}.mp4")
        (file,) = (root / "data").rglob(clip.path)
        decoded = student.decode(clip, file.parent)
        assert np.array_equal(decoded, samples[0])
        assert student.predict(decoded) == student.classes[saved[0].argmax()]
        student.export(root / "student.pt2")
        program = torch.export.load(root / "student.pt2").module()
        assert program(student.encode(samples[:5])).detach().numpy() == pytest.approx(saved[:5].numpy(), abs=1e-4)
    with pytest.raises(cmkd_bench.UserError, match=r"nowhere/voice.wav: missing"):
        student.decode(AudioClip("voice.wav"), "nowhere")


@pytest.mark.slow
def test_a_segmentation_labels_positions(root: Path, cmkd: Command) -> None:
    train(root, cmkd, "nyudv2", "dataset.nyudv2.task=segmentation13")
    student = cmkd_bench.load_student("small", root / "results", method="kd", student_modality="depth")
    data = student.load_data()
    samples, targets = (array[data.parts["test"]] for array in (data.inputs["depth"], data.targets))
    logits = student(samples)
    saved = load_file(root / f"results/small/runs/{student.spec.id}/predictions.safetensors")["confusion"]
    assert torch.equal(confusion(logits, torch.from_numpy(targets), len(student.classes)), saved)
    assert student(samples[0]).shape == logits.shape[1:]
    with pytest.raises(cmkd_bench.UserError, match=r"argmax\(-3\)"):
        student.predict(samples)
