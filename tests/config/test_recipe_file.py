"""The recipe of a third party's dataset: found beside its file, composed like ours, and refused with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import without_plugins

from cmkd_bench.config.compose import Configuration, compose
from cmkd_bench.config.overrides import Overrides
from cmkd_bench.config.recipe_file import HEADER
from cmkd_bench.registry import load_plugin

DATASET = """
from cmkd_bench import Dataset, register_dataset


@register_dataset("of_a_third_party")
class Third(Dataset):
    def load(self, fold):
        raise NotImplementedError
"""
Composed = Callable[..., tuple[Configuration | None, list[str]]]


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Composed]:
    """Write a recipe beside a plug-in, in a folder whose name is no word of Hydra's, and compose it."""
    folder = tmp_path / "it's a [folder], x"
    recipes = folder / "configs" / "dataset" / "fair"
    recipes.mkdir(parents=True)
    (folder / "third.py").write_text(DATASET)

    def write_and_compose(text: str, name: str = "of_a_third_party") -> tuple[Configuration | None, list[str]]:
        (recipes / f"{name}.yaml").write_text(text)
        return compose(Overrides(datasets={"of_a_third_party": {"version": "new"}}), "of_a_third_party")

    with without_plugins():
        load_plugin(folder / "third.py")
        yield write_and_compose


def test_a_recipe_beside_the_dataset_refines_the_protocol_and_builds_on_ours(composed: Composed) -> None:
    found, problems = composed(f"{HEADER}\ndefaults: [_media]\nlabels: 6pc\npairs: [a:b]\ntrain: {{epochs: 7}}\n")
    assert found is not None, problems
    assert (str(found.labels[0]), found.pairs, found.recipe.epochs) == ("6pc", ("a:b",), 7)
    assert (found.recipe.optimizer, found.augmentation.height) == ("sgd", 224)  # those of _media.yaml


def test_an_edited_recipe_counts_and_that_of_an_option_comes_first(composed: Composed) -> None:
    first, _ = composed(f"{HEADER}\ntrain: {{epochs: 7}}\n")
    edited, _ = composed(f"{HEADER}\ntrain: {{epochs: 9}}\n")
    special, _ = composed(f"{HEADER}\ntrain: {{epochs: 3}}\n", "of_a_third_party-new")
    epochs = [one.recipe.epochs for one in (first, edited, special) if one is not None]
    assert epochs == [7, 9, 3]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("labels: 0.05\n", [HEADER]),  # Hydra would read it, and change nothing
        (f"{HEADER}\nlabel: 0.05\n", ["'label'", "Did you mean 'labels'"]),
        (f"{HEADER}\nmethods: [kd]\n", ["'methods'"]),
        (f"{HEADER}\ntrain: 3\n", ["train", "got 3"]),
        (f"{HEADER}\ntrain: {{epoch: 7}}\n", ["train.epoch", "Did you mean 'train.epochs'"]),
        (f"{HEADER}\nlabels: [0.05\n", ["YAML", "line 2"]),
        (f"{HEADER}\ndefaults: [_meda]\n", ["_meda"]),
        (f"{HEADER}\n- 3\n", ["train"]),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_place(composed: Composed, text: str, named: list[str]) -> None:
    found, problems = composed(text)
    message = "\n".join(problems)
    assert found is None
    for part in ("configs/dataset/fair/of_a_third_party.yaml", *named):
        assert part in message
