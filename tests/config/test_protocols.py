"""Protocols: the released C2KD code's settings as they were read there, and what refines a protocol for a dataset."""

from __future__ import annotations

from typing import Any

import pytest

from cmkd_bench.config.compose import Configuration, compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.registry import datasets
from cmkd_bench.training.optimization import learning_rate


def composed(dataset: str | None, *overrides: str) -> Configuration:
    configuration, problems = compose(parse_overrides(overrides), dataset)
    assert configuration is not None, problems
    return configuration


@pytest.mark.parametrize("name", datasets.names())
@pytest.mark.parametrize("protocol", ["fair", "smoke"])
def test_every_dataset_has_a_configuration(name: str, protocol: str) -> None:
    assert composed(name, f"protocol={protocol}").recipe.select_on == "validation"


@pytest.mark.parametrize("name", ["ave", "cremad", "vggsound"])
def test_c2kd_trains_as_released(name: str) -> None:
    recipe = composed(name, "protocol=c2kd").recipe
    assert (recipe.optimizer, recipe.momentum, recipe.weight_decay) == ("sgd", 0.9, 0.0)
    assert (recipe.epochs, recipe.batch_size) == (100, 64)
    # read in the released code: 1e-2 at first, 5.405e-3 in epoch 50, 2.569e-4 in epoch 99, constant within an epoch
    assert learning_rate(recipe, 0.5, 100) == pytest.approx(1e-2)
    assert learning_rate(recipe, 50.5, 100) == pytest.approx(5.405e-3, rel=1e-3)
    assert learning_rate(recipe, 99.5, 100) == pytest.approx(2.569e-4, rel=1e-3)


# name: classes of settings as coded: frames seen, (frequencies, columns) seen, which part selects, from which epoch
RELEASED = {
    "cremad": (1, (257, 188), "test", 80),
    "ave": (1, (257, 1004), "validation", 80),
    "vggsound": (3, (129, 626), "train", 90),
}


@pytest.mark.parametrize(("name", "expected"), RELEASED.items())
def test_c2kd_sees_what_the_released_code_sees(name: str, expected: tuple[Any, ...]) -> None:
    frames, spectrogram, part, epoch = expected
    configuration = composed(name, "protocol=c2kd")
    given, view, recipe = configuration.preparation, configuration.augmentation, configuration.recipe
    samples = round(given.seconds * given.sample_rate)
    columns = samples // given.hop + 1 if given.centre else (samples - given.n_fft) // given.hop + 1
    assert (view.frames, (given.n_fft // 2 + 1, view.columns or columns)) == (frames, spectrogram)
    assert (view.height, view.width, view.rgb_statistics) == (224, 224, "imagenet")
    assert (recipe.select_on, recipe.select_from * recipe.epochs) == (part, epoch)
    assert configuration.deviations


def test_c2kd_is_refused_for_other_datasets() -> None:
    configuration, problems = compose(parse_overrides(["protocol=c2kd"]), "mfeat")
    assert configuration is None
    assert problems == ["protocol=c2kd is defined only for ave, cremad, vggsound, not for 'mfeat'."]


def test_what_the_command_line_says_wins_over_the_refinement() -> None:
    assert composed("cremad", "protocol=c2kd").options == {"split": "c2kd"}
    assert composed("cremad", "protocol=c2kd", "prepare.hop=200", "train.epochs=3").preparation.hop == 200
    assert composed("watch").recipe.batch_size == 128
    assert composed("watch", "protocol=smoke").recipe.batch_size == 16
    assert composed("watch", "train.batch_size=7").recipe.batch_size == 7


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("prepare.frame=3", "Did you mean 'prepare.frames'"),
        ("augment.crop_scale=2.0", "at most 1"),
        ("train.select_on=tset", "Did you mean 'test'"),
        ("protocol=c2dk", "Did you mean 'c2kd'"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(override: str, message: str) -> None:
    overrides = parse_overrides([override])
    problems = list(overrides.problems) or compose(overrides, None)[1]
    assert len(problems) == 1
    assert message in problems[0]


def test_an_option_may_have_a_file_of_its_own() -> None:
    plain, chosen = composed("avmnist"), composed("avmnist", "dataset.avmnist.source=fsdd")
    assert (plain.preparation.sample_rate, chosen.preparation.sample_rate) == (16000, 8000)
    assert chosen.preparation.clip_norm
    assert composed("avmnist", "dataset.avmnist.source=fsdd", "prepare.mels=24").preparation.mels == 24
    assert composed("avmnist", "dataset.avmnist.source=multibench") == plain
