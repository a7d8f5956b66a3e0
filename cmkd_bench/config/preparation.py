"""How clips on disk become arrays of fixed shapes; configs/protocol/ sets the values."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from cmkd_bench.parameters import parameter


@dataclass(frozen=True)
class Preparation:
    """The settings of the preparation, which is done once, before any training. Every value must be configured."""

    frames: int = parameter(MISSING, "frames per video, taken at the midpoints of equal parts of the clip", minimum=1)
    height: int = parameter(MISSING, "height of stored images, frames, depth and label maps, in pixels", minimum=8)
    width: int = parameter(MISSING, "width of stored images, frames, depth and label maps, in pixels", minimum=8)
    sample_rate: int = parameter(
        MISSING, "sample rate in Hz, to which audio is resampled after mixing to mono", minimum=1000
    )
    seconds: float = parameter(MISSING, "length of audio in seconds; longer clips are cut at the end", minimum=0.1)
    fill: str = parameter(
        MISSING, "padding of shorter clips: repeat the audio (tile) or append zeros", choices=("tile", "zero")
    )
    window: str = parameter(MISSING, "window function of the Fourier transform", choices=("hann", "tukey"))
    n_fft: int = parameter(MISSING, "samples per window", minimum=16)
    hop: int = parameter(MISSING, "samples between the starts of two windows", minimum=1)
    centre: bool = parameter(MISSING, "pad so that windows are centered at multiples of the hop")
    power: float = parameter(MISSING, "exponent of the spectrogram: 1 for magnitude, 2 for power", minimum=1, maximum=2)
    mels: int = parameter(MISSING, "number of mel bands; 0 keeps the n_fft/2 + 1 linear frequencies", minimum=0)
    log_offset: float = parameter(MISSING, "constant added before the logarithm", minimum=1e-12)
    clip_norm: bool = parameter(MISSING, "normalize each clip's spectrogram to mean 0 and standard deviation 1")
    spectrogram_type: str = parameter(MISSING, "number type of stored spectrograms", choices=("float16", "float32"))
