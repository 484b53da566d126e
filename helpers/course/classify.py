"""A folder of one's own pictures, from one command: a model, its card, and a page that reports on both."""

from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from .. import backbones, datasets, evaluate, images, own, plots, runtime, transfer
from ..framework import keras
from ..own.card import plain
from ..own.folder import heard
from ..plots.figure import DescribedFigure
from . import pages

MODEL, CARD, PAGE = "model.keras", "model_card.md", "report.html"
HARDEST, LOOKED_AT = 8, 4  # pictures that are shown, and those of them with a heat map
CLASSES_SHOWN = 12  # on the sheet of examples; more would make a page of metres


def run(folder: Path, out: Path, image_size: int = 224, fine_tune: bool = False, seed: int = 0) -> str:
    """Train a classifier on a folder of class folders; leave model, model card and page in `out`.

    Args:
        folder: as for `datasets.load_folder`; a zip archive, too.
        out: made if need be; what an earlier call left there is replaced.
        image_size: pixels a side.
        fine_tune: try fine-tuning, too, and keep its model if it is better beyond chance.
        seed: of the split.

    Returns:
        What to print in the end: how good the model is, and how to use it.

    Raises:
        ValueError: the folder, its classes or a size do not do: one sentence on why, one on what to do.
    """
    data, said = heard(datasets.load_folder, folder)
    found = own.inspect(data)
    parts = own.split(found.sound, seed)
    said += [*found.sentences, parts.how]
    print(*said, "", sep="\n", flush=True)
    model, gain = own.train_head(backbones.load(image_size=image_size), parts.train, seed), None
    if fine_tune:
        tuned = own.fine_tuned(model, parts.train, parts.val, seed)
        first, second = (evaluate.predict(each, parts.val) for each in (model, tuned))
        gain = own.compare(first, second, parts.val["label"], transfer.classes_of(model))
        model = tuned if gain.is_gain else model
    probabilities = evaluate.predict(model, parts.test)
    report = evaluate.score(probabilities, parts.test["label"], transfer.classes_of(model))
    name = folder.resolve().stem
    card = own.model_card(model, found, parts, report, gain, name)
    page = _page(model, name, said, found, parts, probabilities, report, card)
    transfer.save(model, out / MODEL)
    for file, text in ((CARD, card), (PAGE, page)):
        (out / file).write_text(text, encoding="utf-8")
    return (
        f"{report}\n\nThe report, to open in a browser: {out / PAGE}\n"
        f"The model, and its card to fill in: {out / MODEL}, {out / CARD}\n"
        f"To ask it about a photo: python -m helpers predict {out / MODEL} PHOTO"
    )


def predict(model: str | Path, photos: Iterable[str | Path]) -> str:
    """Return, a line a photo, what a saved model takes it for, and how likely it finds that (0-1)."""
    loaded, classes = transfer.load(model)
    paths = [str(runtime.path_of(photo)) for photo in photos]
    found = pd.DataFrame(evaluate.predict(loaded, pd.DataFrame({"path": paths})), paths, classes)
    return "\n".join(f"{path}: {row.idxmax()} ({row.max():.2f})" for path, row in found.iterrows())


def _page(
    model: keras.Model,
    name: str,
    said: list[str],
    found: own.Findings,
    parts: own.Parts,
    probabilities: np.ndarray,
    report: evaluate.Report,
    card: str,
) -> str:
    classes, sound = transfer.classes_of(model), found.sound
    sheet = sound[sound["label"].isin(classes[:CLASSES_SHOWN])]
    worst = evaluate.worst_mistakes(probabilities, parts.test, classes, HARDEST)
    pictures = [images.read(path, model.input_shape[1]) for path in worst["path"]]
    heats = [evaluate.grad_cam(model, picture) for picture in pictures[:LOOKED_AT]]
    shown = [f"{row.label}, called\n{row.predicted}" for row in worst.head(LOOKED_AT).itertuples()]
    named = {"train": parts.train, "validation": parts.val, "test": parts.test}
    cells = [
        _text(
            f"# {plain(name)}: what a model learnt from {len(sound):,} pictures",
            f"Of {report.n:,} pictures that it had never seen, it got {report.right:,} right.",
        ),
        _text("## 1. What was found in the folder", *said[:-1]),
        _figure(plots.class_counts(sound)),
        _figure(plots.example_sheet(sheet, rows_a_class=1)),
        *_pairs(found.pairs),
        _text("## 2. Which pictures train, choose and test", parts.how),
        _figure(plots.part_counts(named)),
        _text(
            "## 3. How good the model is",
            f"{report}. The interval says how far {report.n} pictures can tell: with four times as many it "
            "would be half as wide. Each row of the table is a true class, each column what the model said.",
        ),
        _figure(plots.confusion(report.confusion)),
        _text(
            "## 4. What it finds hardest, and where it looks",
            "The test pictures whose own class it thought least likely. Some may be wrong labels, not wrong "
            "answers. Below, the heat shows where the evidence for the answer lies (Grad-CAM): on the thing "
            "itself, or on what is round it?",
        ),
        _figure(plots.mistakes(pictures, worst)),
        _figure(
            plots.heat_maps(pictures[:LOOKED_AT], heats, shown, "Where the evidence for the answer lies")
        ),
        new_markdown_cell(card.replace("# Model card", "## 5. Model card", 1)),
        new_markdown_cell(
            "## 6. Ask the model about a photo\n\n```python\nfrom helpers import evaluate, transfer\n\n"
            f'model, classes = transfer.load("{MODEL}")\nevaluate.predict_photo(model, "photo.jpg")\n```'
        ),
    ]
    title = f"{name}: a model of {', '.join(classes)}"
    return pages.render(new_notebook(cells=cells), title, figures=Path(), with_code=False)


def _pairs(pairs: pd.DataFrame) -> list[NotebookNode]:
    return [_figure(plots.image_pairs(pairs.head(3)))] if len(pairs) else []


def _text(heading: str, *paragraphs: str) -> NotebookNode:
    return new_markdown_cell("\n\n".join([heading, *map(plain, paragraphs)]))


def _figure(figure: DescribedFigure) -> NotebookNode:
    data, metadata = figure._repr_mimebundle_()
    picture = b64encode(data["image/png"]).decode()
    output = new_output("display_data", {**data, "image/png": picture}, metadata=metadata)
    return new_code_cell("", outputs=[output])
