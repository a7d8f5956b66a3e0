"""Encoders of texts from the transformers library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from cmkd_bench.network import Features, InputShape, Network
from cmkd_bench.networks.families._encoder import load_encoder
from cmkd_bench.outputs import mean_over_positions

PAD = 0  # of the tokenizers that are trained here


class TextEncoder(Network):
    """An encoder of the BERT family and a fresh linear head on the mean over its valid tokens.

    The mean is defined for every encoder; [CLS] is meaningful only in some, and fewer have a trained pooling layer. We
    know no paper of this field that says which one it uses, and C2KD's released code has no text. The feature maps are
    those of the encoder's layers, (B, D, L). A token is valid if it is not padding.
    """

    def __init__(self, encoder: Any, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.pad = int(encoder.config.pad_token_id)
        self.head = nn.Linear(encoder.config.hidden_size, classes)

    @classmethod
    def build(cls, model: str, inputs: InputShape, classes: int, pretrained: str, weights: Path | None) -> TextEncoder:
        """Build it for token ids.

        A random encoder has as many token embeddings as the tokenizer has pieces; a pretrained one needs the tokenizer
        that it was trained with.

        Raises:
            UserError: if the configuration or the weights are not available.
            ValueError: for inputs that the encoder cannot take.
        """

        def adapt(config: Any) -> None:
            config.vocab_size = inputs.vocabulary
            config.pad_token_id = PAD

        encoder = load_encoder(model, pretrained, weights, adapt)
        _check(encoder.config, inputs)
        return cls(encoder, classes)

    def features(self, inputs: Tensor) -> Features:
        """Compute the features of (B, L) token ids."""
        mask = inputs != self.pad
        # the library reads the values of a mask, which do not exist on the meta device
        attention_mask = None if inputs.is_meta else mask
        outputs = self.encoder(input_ids=inputs, attention_mask=attention_mask, output_hidden_states=True)
        # hidden_states[0] is the embedding layer; the encoder's layers follow
        maps = [layer.transpose(1, 2) for layer in outputs.hidden_states[1:]]
        return Features(mean_over_positions(maps[-1], mask), maps, mask)


def _check(config: Any, inputs: InputShape) -> None:
    vocabulary, pad = getattr(config, "vocab_size", None), getattr(config, "pad_token_id", None)
    if vocabulary is None or pad is None:
        raise ValueError("this is not an encoder of texts with a padding token")
    if vocabulary < inputs.vocabulary:
        raise ValueError(f"it has {vocabulary} tokens, but the tokenizer has {inputs.vocabulary}")
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and "roberta" in config.model_type:
        positions -= pad + 1  # RoBERTa counts from the padding's id on
    if positions is not None and inputs.shape[0] > positions:
        raise ValueError(f"it takes texts of at most {positions} tokens")
