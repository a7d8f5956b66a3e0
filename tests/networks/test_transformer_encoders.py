from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ASTConfig, ASTModel

from cmkd_bench.errors import UserError
from cmkd_bench.network import InputShape, shape_of
from cmkd_bench.networks import tokenizer_of, weights_id

TEXT = InputShape("text", (6,), vocabulary=30)
TINY = "transformers/prajjwal1/bert-tiny"


def test_a_random_encoder_takes_the_vocabulary_that_was_trained(built):
    network = built(TINY, TEXT).eval()
    assert network.encoder.embeddings.word_embeddings.weight.shape == (30, 128)
    outputs = network(torch.tensor([[2, 5, 9, 3, 0, 0], [2, 7, 3, 0, 0, 0]]), [0, 1])
    assert (outputs.logits.shape, outputs.embedding.shape) == ((2, 4), (2, 128))
    assert [tuple(outputs.feature_maps[layer].shape) for layer in (0, 1)] == [(2, 128, 6)] * 2
    assert outputs.token_mask.tolist() == [[True] * 4 + [False] * 2, [True] * 3 + [False] * 3]
    valid = outputs.feature_maps[1][0, :, :4]
    torch.testing.assert_close(outputs.embedding[0], valid.sum(1) / 4)


@pytest.mark.parametrize("name", [TINY, "transformers/google/bert_uncased_L-2_H-128_A-2"])
def test_padding_does_not_change_the_embedding(built, name):
    network = built(name, TEXT).eval()
    tokens = torch.tensor([[2, 5, 9, 3]])
    padded = torch.tensor([[2, 5, 9, 3, 0, 0]])
    torch.testing.assert_close(network(padded).embedding, network(tokens).embedding)
    other = torch.tensor([[2, 5, 8, 3, 0, 0]])
    assert not torch.allclose(network(other).embedding, network(tokens).embedding, atol=1e-4)


def test_one_seed_gives_one_network_and_the_gradient_reaches_all_of_it(built):
    one, same, other = (built(TINY, TEXT, seed=seed) for seed in (0, 0, 1))
    states = [network.state_dict() for network in (one, same, other)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    name = "encoder.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(states[0][name], states[2][name])
    one(torch.tensor([[2, 5, 9, 3, 0, 0]])).logits.square().sum().backward()
    assert [name for name, parameter in one.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(
    ("model", "vocabulary", "parameters"),
    [
        # the hub's 109 482 240 and 66 362 880, BERT's less the pooling layer's 768 * 768 + 768
        ("bert-base-uncased", 30522, 108_891_648),
        ("google-bert/bert-base-uncased", 30522, 108_891_648),
        ("distilbert-base-uncased", 30522, 66_362_880),
        # 124 645 632 with the pooling layer
        ("roberta-base", 50265, 124_055_040),
    ],
)
def test_well_known_encoders_have_their_published_size(built, model, vocabulary, parameters):
    with torch.device("meta"):
        network = built(f"transformers/{model}", InputShape("text", (16,), vocabulary), classes=2)
    assert network.head.weight.shape == (2, 768)
    assert sum(parameter.numel() for parameter in network.encoder.parameters()) == parameters


def test_a_text_longer_than_the_positions_is_refused(built):
    with pytest.raises(UserError, match=r"cannot take a text of shape \(513,\): it takes texts of at most 512 tokens"):
        built(TINY, InputShape("text", (513,), 30))


@pytest.mark.parametrize("shape", [InputShape("image", (3, 32, 32)), InputShape("vector", (4,))])
def test_inputs_that_are_no_tokens_are_refused(built, shape):
    with pytest.raises(UserError, match="expected token ids or a spectrogram"):
        built(TINY, shape)


def test_a_text_encoder_refuses_a_spectrogram(built):
    with pytest.raises(UserError, match=r"expected an audio spectrogram transformer.* got bert"):
        built(TINY, InputShape("spectrogram", (1, 40, 100)))


def test_local_weights_are_the_folders_bit_for_bit(built, bert_folder):
    name = "transformers/tiny-bert"
    pretrained = weights_id(str(bert_folder.parent), name)
    weights = bert_folder.parent
    shape = InputShape("text", (6,), vocabulary=11)
    one, other = (built(name, shape, pretrained=pretrained, seed=seed, weights=weights) for seed in (0, 1))
    saved = load_file(bert_folder / "model.safetensors")
    for key, value in one.encoder.state_dict().items():
        assert torch.equal(value, saved[f"bert.{key}"]), key
    assert not torch.equal(one.head.weight, other.head.weight), "the head is not fresh"
    assert all(module.training for module in one.modules())
    assert tokenizer_of(name, pretrained, weights) == f"pretrained:{bert_folder}"


def test_a_folder_can_be_the_networks_name(built, bert_folder):
    name = f"transformers/{bert_folder}"
    shape = InputShape("text", (6,), vocabulary=11)
    assert shape_of(built(name, shape), shape).layers == ((16, 6),) * 3
    network = built(name, shape, pretrained=weights_id(True, name))
    saved = load_file(bert_folder / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert torch.equal(network.encoder.embeddings.word_embeddings.weight, saved)


def test_a_pretrained_encoder_refuses_more_tokens_than_it_knows(built, bert_folder):
    name = f"transformers/{bert_folder}"
    with pytest.raises(UserError, match="it has 11 tokens, but the tokenizer has 12"):
        built(name, InputShape("text", (6,), vocabulary=12), pretrained=weights_id(True, name))


def test_weights_that_lack_a_tensor_are_refused(built, bert_folder):
    tensors = load_file(bert_folder / "model.safetensors")
    del tensors["bert.encoder.layer.1.output.dense.weight"]
    save_file(tensors, bert_folder / "model.safetensors")
    name = f"transformers/{bert_folder}"
    with pytest.raises(UserError, match=r"do not fit: 1 tensors .* e\.g\. encoder\.layer\.1\.output\.dense\.weight"):
        built(name, InputShape("text", (6,), 11), pretrained=weights_id(True, name))


@pytest.mark.usefixtures("offline")
def test_the_hub_out_of_reach_is_one_message(built):
    with pytest.raises(UserError, match=r"(?s)bert-tiny'.*not available.*model\.pretrained=/path.*pretrained=false"):
        built(TINY, TEXT, pretrained="hub")
    with pytest.raises(UserError, match=r"is not available.*Did you mean 'transformers/bert-base-uncased'"):
        built("transformers/bert-base-uncasd", TEXT)


def test_the_audio_spectrogram_transformer_has_the_papers_patches(built):
    """12 by 101 patches of 16 by 16 with a stride of 10, for 128 mel bands and 1024 columns."""
    shape = InputShape("spectrogram", (1, 128, 1024))
    with torch.device("meta"):
        network = built("transformers/MIT/ast-finetuned-audioset-10-10-0.4593", shape)
        found = shape_of(network, shape)
    assert (found.embedding, found.layers) == (768, ((768, 12, 101),) * 12)


@pytest.fixture
def ast_folder(tmp_path):
    folder = tmp_path / "tiny-ast"
    folder.mkdir()
    torch.manual_seed(3)
    config = ASTConfig(
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        num_mel_bins=36,
        max_length=56,
    )
    model = ASTModel(config)
    torch.nn.init.normal_(model.embeddings.position_embeddings)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    return folder


def test_patches_lie_where_they_are_in_the_spectrogram(built, ast_folder):
    """3 patches along 36 frequencies, 5 along 56 columns; without attention a patch knows its own place alone."""
    shape = InputShape("spectrogram", (1, 36, 56))
    network = built(f"transformers/{ast_folder}", shape).eval()
    assert shape_of(network, shape).layers == ((8, 3, 5),) * 2
    for layer in network.encoder.layers:
        torch.nn.init.zeros_(layer.attention.o_proj.weight)
        torch.nn.init.zeros_(layer.attention.o_proj.bias)
    spectrogram = torch.randn(1, 1, 36, 56)
    changed = spectrogram.clone()
    changed[0, 0, 0, 55] += 5  # the lowest frequency, the last column
    before, after = (network(inputs, [1]).feature_maps[1][0] for inputs in (spectrogram, changed))
    assert (before != after).any(0).nonzero().tolist() == [[0, 4]]


def test_its_two_special_tokens_start_unlike(built, ast_folder):
    embeddings = built(f"transformers/{ast_folder}", InputShape("spectrogram", (1, 36, 56))).encoder.embeddings
    assert not torch.equal(embeddings.cls_token, embeddings.distillation_token)


def test_pretrained_positions_are_cut_where_the_input_is_smaller(built, ast_folder):
    name = f"transformers/{ast_folder}"
    saved = load_file(ast_folder / "model.safetensors")["embeddings.position_embeddings"][0]
    network = built(name, InputShape("spectrogram", (1, 36, 36)), pretrained=weights_id(True, name))
    positions = network.encoder.embeddings.position_embeddings[0]
    # of 5 columns of patches the middle 3 are kept; two special tokens come first
    expected = [0, 1, *(2 + row * 5 + column for row in range(3) for column in (1, 2, 3))]
    assert torch.equal(positions, saved[expected])
    assert network(torch.randn(2, 1, 36, 36)).logits.shape == (2, 4)
    wider = built(name, InputShape("spectrogram", (1, 36, 76)), pretrained=weights_id(True, name))
    assert wider.encoder.embeddings.position_embeddings.shape == (1, 2 + 3 * 7, 8)
    same = built(name, InputShape("spectrogram", (1, 36, 56)), pretrained=weights_id(True, name))
    assert torch.equal(same.encoder.embeddings.position_embeddings[0], saved)


def test_a_spectrogram_smaller_than_a_patch_is_refused(built, ast_folder):
    with pytest.raises(UserError, match="at least 16 frequencies and columns"):
        built(f"transformers/{ast_folder}", InputShape("spectrogram", (1, 12, 56)))
