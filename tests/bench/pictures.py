"""Augmentation: JPEG files to float batches."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pandas as pd

from helpers import images
from helpers.augment import Augmenter, ImageBatches, affine_matrix

from . import peers
from .measure import Result, Setting, in_turns, middle, spread


def augmentation(setting: Setting) -> list[Result]:
    """Time zoom, rotation, brightness and flip from files to batches, against four others.

    And against what OpenCV's share of it takes: no augmentation with one decoding and one warp is faster.
    """
    size = setting.size(224)
    data = setting.data.sample(min(len(setting.data), 512), random_state=0)
    augmenter = Augmenter(peers.ZOOM, peers.ROTATION, peers.BRIGHTNESS, horizontal_flip=True)
    batches = ImageBatches(data, size, peers.BATCH_SIZE, augmenter, shuffle=True)

    def ours() -> None:
        cv2.setNumThreads(1)  # as `helpers.images` has it; the others get OpenCV as it comes
        for number in range(len(batches)):
            pictures, _ = batches[number]
        assert pictures.shape[1:] == (size, size, 3) and pictures.dtype == "float32"

    def run(make_batches):
        def theirs() -> None:
            cv2.setNumThreads(-1)
            for batch in make_batches(data, size):
                assert batch.shape[1:] == (size, size, 3)

        return theirs

    runs, missing = {"ours": ours, "bound": _decoding_and_warping(data, size, augmenter)}, {}
    for name, make_batches in peers.AUGMENTATIONS.items():
        try:
            next(make_batches(data.head(peers.BATCH_SIZE), size))  # to import it, and to see it work
            runs[name] = run(make_batches)
        except ImportError as error:
            missing[name] = f"not measured: {error}"
    seconds = in_turns(runs, setting.repeats(5))
    cv2.setNumThreads(1)
    rates = {name: [len(data) / took for took in times] for name, times in seconds.items()}
    best = max(rates.keys() & peers.AUGMENTATIONS.keys(), key=lambda name: middle(rates[name]))
    results = []
    for name in peers.AUGMENTATIONS:
        targets = [3] if name == "the tutorial's generator" else []
        targets += [1] if name == best else []
        results.append(
            Result(
                f"augmentation, JPEG file → float batch, {size} px",
                name + (" (the best of them)" if name == best else ""),
                spread(rates["ours"], "images/s"),
                spread(rates[name], "images/s") if name in rates else "–",
                middle(rates["ours"]) / middle(rates[name]) if name in rates else None,
                max(targets, default=None),
                note=missing.get(name, ""),
            )
        )
    share = middle(rates["ours"]) / middle(rates["bound"])
    bound = Result(
        "share of what decoding and one warp allow",
        "OpenCV alone, files in memory, all cores",
        spread(rates["ours"], "images/s"),
        spread(rates["bound"], "images/s"),
        share,
        unit="",
    )
    return [*results, bound]


def _decoding_and_warping(data: pd.DataFrame, size: int, augmenter: Augmenter) -> Callable[[], None]:
    """Return a function that decodes and warps every picture on all cores, and does nothing else."""
    rng = np.random.default_rng(0)
    prepared = []
    for path in data["path"]:
        content = np.fromfile(path, np.uint8)
        height, width = images.read(path).shape[:2]
        matrix = affine_matrix((width, height), (size, size), augmenter.parameters(rng))
        prepared.append((content, matrix))

    def change(content: np.ndarray, matrix: np.ndarray) -> None:
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)
        cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    def run() -> None:
        cv2.setNumThreads(1)
        with ThreadPoolExecutor(images.THREADS) as pool:
            list(pool.map(change, *zip(*prepared)))

    return run
