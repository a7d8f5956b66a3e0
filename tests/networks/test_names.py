from __future__ import annotations

import subprocess
import sys

import pytest

from cmkd_bench.cli.show import list_, show
from cmkd_bench.networks import problem_with, tokenizer_of


@pytest.mark.parametrize(
    "name",
    [
        "mlp",
        "transformer",
        "timm/resnet18",
        "timm/resnet18.a1_in1k",
        "transformers/bert-base-uncased",
        "transformers/MIT/ast-finetuned-audioset-10-10-0.4593",
        "transformers/somebody/unheard-of",
    ],
)
def test_names_without_a_problem(name):
    assert problem_with(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mpl", "Did you mean 'mlp'?"),
        ("timm/resnt18", "Did you mean 'timm/resnet18'?"),
        ("timm/resnet18.nothing", "Available: resnet18, resnet18.a1_in1k"),
        ("timm/<model>", "has no such model"),
        ("resnet18", "Did you mean 'timm/resnet18'?"),
        ("bert-base-uncased", "Did you mean 'transformers/bert-base-uncased'?"),
        ("transformers/./nothing", "nothing/config.json"),
        ("transformers/a/b/c", "owner/name"),
        ("tim/resnet18", "Available: cnn1d"),
    ],
)
def test_names_with_a_problem_get_the_nearest_one(name, said):
    assert said in problem_with(name)


def test_a_folder_with_a_configuration_is_a_name(bert_folder):
    assert problem_with(f"transformers/{bert_folder}") is None


def test_names_are_checked_without_the_libraries_behind_them():
    """A usage error must not wait for torch, nor a plan for the transformers library."""
    code = """
import sys
from cmkd_bench.networks import build_network, problem_with, tokenizer_of, weights_id
assert problem_with("mlp") is None and "Did you mean" in problem_with("mpl")
assert tokenizer_of("transformer", "") == "words"
assert weights_id("/nowhere", "mlp") == weights_id(False, "timm/resnet18") == ""
assert not {"torch", "timm", "transformers"} & {*sys.modules}
from cmkd_bench.network import InputShape
build_network("transformer", InputShape("text", (6,), 30), 4)
name = "transformers/bert-base-uncased"
assert (problem_with(name), tokenizer_of(name, ""), weights_id(True, name)) == (None, "wordpiece", "hub")
assert not {"timm", "transformers", "tokenizers"} & {*sys.modules}
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_each_network_has_its_tokenizer():
    assert tokenizer_of("transformer", "") == "words"
    assert tokenizer_of("mlp", "") == "words"
    assert tokenizer_of("transformers/bert-base-uncased", "") == "wordpiece"
    assert tokenizer_of("transformers/bert-base-uncased", "hub") == "pretrained:bert-base-uncased"


def test_networks_are_listed_and_shown_with_what_they_are(capsys):
    list_("networks")
    listed = capsys.readouterr().out
    assert all(name in listed for name in ("cnn1d", "linear", "A multilayer perceptron", "timm", "transformers"))
    show("mlp")
    show("timm/resnet18")
    shown = capsys.readouterr().out
    assert "mlp: A multilayer perceptron" in shown
    assert "timm/<model>: Any model of timm" in shown
