from __future__ import annotations

import hashlib
import pickle

import pytest
import timm
import torch
from safetensors.torch import save_file

from cmkd_bench.errors import UserError
from cmkd_bench.network import InputShape
from cmkd_bench.networks import weights_id
from cmkd_bench.weights import read_tensors

NAME = "timm/test_vit"
IMAGE = InputShape("image", (3, 32, 32))
PLAIN = "timm/mobilenetv3_small_050"


@pytest.fixture
def saved(tmp_path):
    """The weights of a classifier for a thousand classes, as timm's users save them."""
    torch.manual_seed(5)
    state = timm.create_model("mobilenetv3_small_050").state_dict()
    save_file(state, tmp_path / "mobilenetv3_small_050.safetensors")
    return state


@pytest.mark.parametrize("dense", [False, True])
def test_local_weights_are_loaded_bit_for_bit_and_the_head_is_fresh(built, saved, tmp_path, dense):
    shape = InputShape("image", (3, 32, 32), dense=dense)
    network = built(PLAIN, shape, classes=1000, pretrained=weights_id(str(tmp_path), PLAIN), weights=tmp_path)
    loaded = network.backbone.state_dict()
    assert len(loaded) > 100
    assert all(torch.equal(value, saved[name]) for name, value in loaded.items())
    assert not dense or network.head.weight.shape == (1000, 256, 1, 1)
    assert dense or not torch.equal(network.head.weight, saved["classifier.weight"])


def test_one_channel_gets_the_sum_of_the_weights_for_three(built, saved, tmp_path):
    network = built(
        PLAIN, InputShape("depth", (1, 32, 32)), pretrained=weights_id(str(tmp_path), PLAIN), weights=tmp_path
    )
    red, green, blue = saved["conv_stem.weight"].unbind(1)
    torch.testing.assert_close(network.backbone.conv_stem.weight[:, 0], red + green + blue)


def test_the_identity_is_the_content_and_not_the_place(saved, tmp_path):
    here = tmp_path / "mobilenetv3_small_050.safetensors"
    elsewhere = tmp_path / "other" / "renamed.safetensors"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(here.read_bytes())
    expected = "sha256:" + hashlib.sha256(here.read_bytes()).hexdigest()[:12]
    assert weights_id(str(tmp_path), PLAIN) == weights_id(str(here), PLAIN) == expected
    assert weights_id(str(elsewhere), PLAIN) == expected


def test_the_identity_of_a_folder_depends_on_its_configuration_too(bert_folder):
    before = weights_id(str(bert_folder), "transformers/any")
    (bert_folder / "README.md").write_text("changes nothing")
    assert weights_id(str(bert_folder), "transformers/any") == before
    (bert_folder / "vocab.txt").write_text("changes what the network sees")
    assert weights_id(str(bert_folder), "transformers/any") != before


@pytest.mark.parametrize(
    ("setting", "network", "expected"),
    [
        (False, NAME, ""),
        (True, NAME, "hub"),
        (True, "transformers/bert-base-uncased", "hub"),
        (True, "mlp", ""),
        ("/nowhere", "mlp", ""),
    ],
)
def test_settings_without_a_file(setting, network, expected):
    assert weights_id(setting, network) == expected


def test_a_folder_without_the_weights_says_what_was_looked_for(tmp_path):
    (tmp_path / "resnet18.ckpt").touch()
    with pytest.raises(UserError, match=r"contains no weights for 'resnet50'.*resnet50\.safetensors, resnet50\.pth"):
        weights_id(str(tmp_path), "timm/resnet50")
    with pytest.raises(UserError, match=r"bert-base-uncased\.safetensors.*model\.safetensors or pytorch_model\.bin"):
        weights_id(str(tmp_path), "transformers/google-bert/bert-base-uncased")
    with pytest.raises(UserError, match="does not exist"):
        weights_id(str(tmp_path / "nothing"), "timm/resnet50")


def test_weights_outside_of_the_folder_are_not_found(tmp_path):
    (tmp_path / "inside").mkdir()
    save_file({"a": torch.zeros(1)}, tmp_path / "secret.safetensors")
    with pytest.raises(UserError, match="contains no weights"):
        weights_id(str(tmp_path / "inside"), "timm/x/../../secret")


def test_other_weights_than_planned_are_refused(built, saved, tmp_path):
    planned = weights_id(str(tmp_path), PLAIN)
    save_file({**saved, "conv_stem.weight": saved["conv_stem.weight"] + 1}, tmp_path / "mobilenetv3_small_050.pth")
    (tmp_path / "mobilenetv3_small_050.pth").replace(tmp_path / "mobilenetv3_small_050.safetensors")
    with pytest.raises(UserError, match=rf"planned with the weights {planned}, but .* contains sha256:"):
        built(PLAIN, IMAGE, pretrained=planned, weights=tmp_path)


def test_planned_weights_without_a_place_are_refused(built):
    with pytest.raises(UserError, match=r"sha256:0123456789ab.*CMKD_WEIGHTS"):
        built(PLAIN, IMAGE, pretrained="sha256:0123456789ab")


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"something": torch.zeros(2)}, r"tensors of the network are missing, e\.g\. "),
        ({"conv_stem.weight": torch.zeros(7, 3, 3, 3)}, "do not fit"),
    ],
)
def test_another_networks_weights_are_refused(built, tmp_path, tensors, reason):
    file = tmp_path / "mobilenetv3_small_050.safetensors"
    save_file(tensors, file)
    with pytest.raises(UserError, match=reason):
        built(PLAIN, IMAGE, pretrained=weights_id(str(file), PLAIN), weights=file)


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


@pytest.mark.parametrize("as_torch", [True, False])
def test_a_pickled_file_runs_no_code(tmp_path, as_torch):
    trace, file = tmp_path / "trace", tmp_path / "evil.pth"
    content = {"weight": torch.zeros(1), "payload": Malicious(trace)}
    if as_torch:
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(UserError, match="contains more than tensors"):
        read_tensors(file)
    assert not trace.exists()
    torch.load(file, weights_only=False) if as_torch else pickle.loads(file.read_bytes())
    assert trace.exists(), "the file would have been harmless anyway"


def test_plain_and_nested_pth_files_are_read(tmp_path):
    tensors = {"a": torch.arange(3.0)}
    torch.save(tensors, tmp_path / "plain.pth")
    torch.save({"epoch": 3, "state_dict": tensors}, tmp_path / "nested.pth")
    for name in ("plain", "nested"):
        assert torch.equal(read_tensors(tmp_path / f"{name}.pth")["a"], tensors["a"])


@pytest.mark.parametrize("content", [b"", b"no weights at all"])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_damaged_file_is_the_users_error(tmp_path, suffix, content):
    file = tmp_path / f"damaged.{suffix}"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged\."):
        read_tensors(file)


def test_a_file_without_tensors_by_name_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UserError, match="does not contain tensors by name"):
        read_tensors(tmp_path / "list.pth")


@pytest.mark.usefixtures("offline")
def test_the_hub_out_of_reach_is_one_message(built):
    with pytest.raises(UserError, match=r"timm/test_vit'.*not available.*test_vit\.safetensors.*pretrained=false"):
        built(NAME, IMAGE, pretrained="hub")


def test_a_registered_network_has_no_pretrained_weights(built):
    with pytest.raises(UserError, match="network 'mlp' has no pretrained weights"):
        built("mlp", InputShape("vector", (3,)), pretrained="hub")
