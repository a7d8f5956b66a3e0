"""Compute the logarithm of a waveform's spectrogram."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.media.decoding.refusals import BadClip
from cmkd_bench.errors import UserError

TUKEY_SHARE = 0.25  # tapered share, the default of scipy.signal.spectrogram
_FLAT = 1e-6


def log_spectrogram(sound: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Return log(S + log_offset), where S is the magnitude or power by frequency or mel band and window.

    Args:
        sound: (samples,) float32.
        preparation: the settings.

    Returns:
        (1, frequencies, columns) float16 or float32; with `centre` there are 1 + samples // hop columns, otherwise
        1 + (samples - n_fft) // hop.

    Raises:
        BadClip: if a value does not fit into the number type.
        UserError: if the sound is shorter than a window.
    """
    import torch

    if len(sound) < preparation.n_fft:
        raise UserError(
            f"prepare.seconds={preparation.seconds} at prepare.sample_rate={preparation.sample_rate} are "
            f"{len(sound)} samples, fewer than prepare.n_fft={preparation.n_fft}. Make n_fft smaller or seconds larger."
        )
    with torch.inference_mode():
        spectrum: np.ndarray = _transform(preparation)(torch.from_numpy(sound)).numpy()
    logarithm = np.log(spectrum + np.float32(preparation.log_offset))
    if preparation.clip_norm:
        logarithm = (logarithm - logarithm.mean()) / max(float(logarithm.std()), _FLAT)
    with np.errstate(over="ignore"):
        stored = logarithm.astype(preparation.spectrogram_type)
    if not np.isfinite(stored).all():
        raise BadClip(f"the spectrogram has values that do not fit into {preparation.spectrogram_type}")
    return stored[None]


@functools.cache
def _transform(preparation: Preparation) -> Any:
    """Return the windows and filters of some settings, built once per process."""
    import torch
    import torchaudio.transforms
    from scipy.signal import get_window

    torch.set_num_threads(1)  # one order of summation, so that the bytes do not depend on the number of cores
    shape = ("tukey", TUKEY_SHARE) if preparation.window == "tukey" else preparation.window
    spectrogram = torchaudio.transforms.Spectrogram(
        n_fft=preparation.n_fft,
        hop_length=preparation.hop,
        window_fn=lambda length: torch.from_numpy(get_window(shape, length)).float(),
        power=preparation.power,
        center=preparation.centre,
    )
    if not preparation.mels:
        return spectrogram
    with warnings.catch_warnings():
        # Many published settings have low bands that are too narrow to contain a frequency; these are constant.
        warnings.filterwarnings("ignore", "At least one mel filterbank has all zero values")
        mel = torchaudio.transforms.MelScale(
            preparation.mels, preparation.sample_rate, n_stft=preparation.n_fft // 2 + 1
        )
    return torch.nn.Sequential(spectrogram, mel)
