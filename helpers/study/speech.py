"""Spoken digits as pictures: recordings of six speakers, each turned into a log-mel spectrogram.

The Free Spoken Digit Dataset: Z. Jackson and others, github.com/Jakobovski/free-spoken-digit-dataset,
CC BY-SA 4.0.
The tutorial's section 6.2 speaks of a model that listens; here is one.
"""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy.io import wavfile
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann
from threadpoolctl import threadpool_limits

from .. import checks, runtime
from ..sources import published

COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
RECORDINGS = published.Archive(
    name="spoken-digits",
    variable="COURSE_SPEECH",
    url=f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.zip",
    manifest=Path(__file__).with_name("spoken_digits.sha256"),
    inner="",
    item="recording",
)
RATE = 8000  # samples a second, in every recording
SECONDS = 1.0  # as many of each recording; 99 in 100 are shorter, and silence follows
WINDOW, FRAMES, BANDS = 256, 64, 64
DECIBELS = 60  # below a recording's loudest point, what is quieter counts as silence
LOWEST_HERTZ = 60


@runtime.disk_errors_explained()
def load() -> pd.DataFrame:
    """Return the 3,000 recordings as a table: `path`, `label` (the digit), `speaker`.

    They come from `COURSE_SPEECH`, a kept copy or GitHub, in this order, and every one is verified, as the
    photos are by `datasets.load_dog_cat`.

    Raises:
        DataError: `COURSE_SPEECH` names nothing usable, or a recording is missing or another.
        published.NoArchive: none is kept, and none could be fetched.
    """
    folder, _ = RECORDINGS.locate()
    paths = [folder / name for name in RECORDINGS.sums()]
    digits, speakers, _ = zip(*(path.stem.split("_") for path in paths))  # as in 7_theo_12.wav
    return pd.DataFrame({"path": list(map(str, paths)), "label": digits, "speaker": speakers})


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """Turn a recording into a picture: time to the right, pitch upwards, loudness as brightness.

    Frequencies are spaced as the ear hears them, on the mel scale (S. S. Stevens, J. Volkmann and
    E. B. Newman, 1937), and loudness in decibels, from 60 below the recording's loudest point (0) to that
    point (255).

    Args:
        samples: `(n,)`, at 8,000 a second; what is beyond the first second is left out.

    Returns:
        uint8 `(64, 64)`, the highest band first.

    Raises:
        CourseError: there is no sound in it.

    Example:
        >>> from helpers.study import speech
        >>> tone = np.sin(2 * np.pi * 1000 * np.arange(4000) / speech.RATE)
        >>> int(speech.spectrogram(tone)[:, 5].argmax())  # the row, from the top
        35
    """
    n, heard = round(SECONDS * RATE), np.asarray(samples, float)[: round(SECONDS * RATE)]
    if heard.ndim != 1 or not np.any(heard) or not np.isfinite(heard).all():
        raise checks.CourseError(
            f"samples is {checks.shown(samples)}, without a sound in its first second. "
            "Give a recording (n,), as SciPy's wavfile reads it."
        )
    samples = np.pad(heard, (0, n - len(heard)))
    step = (n - WINDOW) // (FRAMES - 1)
    transform = ShortTimeFFT(hann(WINDOW), step, RATE, mfft=2 * WINDOW)
    bands = _mel_filters() @ transform.spectrogram(samples, p0=0, p1=FRAMES)
    decibels = 10 * np.log10(bands / bands.max() + 1e-12)
    return np.round(255 * np.clip(1 + decibels / DECIBELS, 0, 1)).astype(np.uint8)[::-1]


@lru_cache
def _mel_filters() -> np.ndarray:
    """Return triangles `(64, frequencies)` that overlap by half, evenly spaced on the mel scale."""
    hertz = np.fft.rfftfreq(2 * WINDOW, 1 / RATE)

    def mel(frequency: np.ndarray | float) -> np.ndarray:
        return 2595 * np.log10(1 + np.asarray(frequency) / 700)  # D. O'Shaughnessy's formula, 1987

    edges = np.linspace(mel(LOWEST_HERTZ), mel(RATE / 2), BANDS + 2)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (mel(hertz) - low) / (middle - low), (high - mel(hertz)) / (high - middle)
    return np.clip(np.minimum(rising, falling), 0, None)


def pictures(data: pd.DataFrame, image_size: int) -> np.ndarray:
    """Return the spectrograms of a table of recordings, uint8 `(n, image_size, image_size, 3)`, grey."""
    checks.table(data, "path")

    size = (image_size, image_size)
    with threadpool_limits(1):  # small sums, which several threads only slow down
        grey = [
            cv2.resize(spectrogram(wavfile.read(path)[1]), size, interpolation=cv2.INTER_LINEAR)
            for path in runtime.progress(data["path"], "Spectrograms")
        ]
    return np.stack([np.stack(grey)] * 3, axis=-1)
