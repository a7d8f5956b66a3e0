"""How clips on disk become arrays of fixed shapes; the values stand in configs/prepare/."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from cmkd_bench.parameters import parameter


@dataclass(frozen=True)
class Preparation:
    """What is decided once, before any training. Every value must be configured."""

    frames: int = parameter(MISSING, "per video, at the middles of as many equal parts of the clip", minimum=1)
    height: int = parameter(MISSING, "of stored images, frames, depth and label maps, in pixels", minimum=8)
    width: int = parameter(MISSING, "likewise", minimum=8)
    sample_rate: int = parameter(MISSING, "audio is resampled to, in Hz, after mixing it to mono", minimum=1000)
    seconds: float = parameter(MISSING, "of audio; longer clips are cut at the end", minimum=0.1)
    fill: str = parameter(MISSING, "how shorter clips are filled up", choices=("tile", "zero"))
    window: str = parameter(MISSING, "of the Fourier transform", choices=("hann", "tukey"))
    n_fft: int = parameter(MISSING, "samples per window", minimum=16)
    hop: int = parameter(MISSING, "samples between two windows", minimum=1)
    centre: bool = parameter(MISSING, "pad so that windows are centred at multiples of the hop")
    power: float = parameter(MISSING, "1: magnitude, 2: power", minimum=1, maximum=2)
    mels: int = parameter(MISSING, "mel bands; 0 keeps the n_fft/2 + 1 linear frequencies", minimum=0)
    log_offset: float = parameter(MISSING, "added before the logarithm", minimum=1e-12)
    clip_norm: bool = parameter(MISSING, "mean 0 and standard deviation 1 over each clip's spectrogram")
    spectrogram_type: str = parameter(MISSING, "stored as", choices=("float16", "float32"))
