"""Encoders of the transformers library for texts and spectrograms: `transformers/<name on the hub, or path>`."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from cmkd_bench.networks.base import Features, InputShape, Network, register_family
from cmkd_bench.networks.spectrogram_transformer import SpectrogramTransformer
from cmkd_bench.networks.transformer_weights import load_encoder
from cmkd_bench.outputs import mean_over_positions

PAD = 0  # of the tokenizers that are trained here


class TextEncoder(Network):
    """An encoder of the BERT family and a fresh linear head on the mean over its valid tokens.

    The mean is defined for every encoder, where [CLS] has a meaning in some and a trained pooling layer in fewer; no
    paper of this field that we know says which one it reads, and C2KD's released code has no text. The feature maps
    are those of the encoder's layers, (B, D, L). A token is valid if it is not the padding's.
    """

    def __init__(self, encoder: Any, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.pad = int(encoder.config.pad_token_id)
        self.head = nn.Linear(encoder.config.hidden_size, classes)

    def features(self, inputs: Tensor) -> Features:
        """inputs: (B, L) token ids."""
        mask = inputs != self.pad
        # hidden_states[0] is the embedding layer; what follows are the encoder's layers
        layers = self.encoder(input_ids=inputs, attention_mask=mask, output_hidden_states=True).hidden_states[1:]
        maps = [layer.transpose(1, 2) for layer in layers]
        return Features(mean_over_positions(maps[-1], mask), maps, mask)


@register_family("transformers")
def build(model: str, inputs: InputShape, classes: int, pretrained: str) -> Network:
    """`transformers/<model>`: an encoder for texts, or the audio spectrogram transformer.

    A random encoder of texts has as many token embeddings as the tokenizer has pieces; a pretrained one needs the
    tokenizer that it was trained with (`tokenizer_of`). The head is always fresh.

    Raises:
        UserError: if the configuration or the weights cannot be had.
        ValueError: for inputs that the encoder cannot take.
    """
    if inputs.kind == "spectrogram":
        return SpectrogramTransformer.build(model, inputs, classes, pretrained)
    if not inputs.vocabulary:
        raise ValueError("token ids or a spectrogram are wanted")

    def adapt(config: Any) -> None:
        config.vocab_size = inputs.vocabulary
        config.pad_token_id = PAD

    encoder = load_encoder(model, pretrained, adapt)
    _check(encoder.config, inputs)
    return TextEncoder(encoder, classes)


def _check(config: Any, inputs: InputShape) -> None:
    vocabulary, pad = getattr(config, "vocab_size", None), getattr(config, "pad_token_id", None)
    if vocabulary is None or pad is None:
        raise ValueError("this encoder is not one for texts with a padding token")
    if vocabulary < inputs.vocabulary:
        raise ValueError(f"it knows {vocabulary} tokens, and the tokenizer has {inputs.vocabulary}")
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and "roberta" in config.model_type:
        positions -= pad + 1  # RoBERTa counts from the padding's id on
    if positions is not None and inputs.shape[0] > positions:
        raise ValueError(f"it takes texts of at most {positions} tokens")
