"""A model card: half a page on what a model is for, how it was made and how good it is."""

import html
import re
from collections.abc import Sequence
from datetime import date

import pandas as pd

from .. import checks, runtime, transfer
from ..evaluate import Report
from ..framework import keras
from .folder import Findings, Parts
from .models import Comparison

TO_FILL_IN = {
    "Whose pictures they are, and who is in them": "…",
    "What it may be used for, and what not": "…",
    "Whom to ask": "…",
}


class Card(str):
    """Markdown that a notebook shows as it is meant."""

    def _repr_markdown_(self) -> str:
        return self


def model_card(
    model: keras.Model,
    found: Findings,
    parts: Parts,
    report: Report,
    gain: Comparison | None = None,
    name: str = "my_photos",
) -> Card:
    """Fill in a model card from what was measured; three lines are left for what only its owner knows.

    The term is that of Mitchell et al., "Model Cards for Model Reporting", 2019, arXiv:1810.03993.

    Args:
        model: the one that is handed on.
        found: of `inspect`.
        parts: of `split`.
        report: of `evaluate.report`, on `parts.test`.
        gain: of `compare`, of the head alone and the fine-tuned model on `parts.val`; None if none was tried.
        name: of the folder that the pictures came from.

    Returns:
        Markdown.

    Example:
        >>> own.draw_birds("my_birds", {"crow": 8, "robin": 8}, size=32)
        >>> found = own.inspect(datasets.load_folder("my_birds"))
        >>> parts = own.split(found.sound)
        >>> model = own.train_head(backbones.load("efficientnet_lite0", image_size=32), parts.train)
        >>> card = own.model_card(model, found, parts, evaluate.report(model, parts.test), name="my_birds")
        >>> print(card.splitlines()[0])
        # Model card: crow or robin

    See also: `transfer.save`, which keeps the model itself.
    """
    for argument, value, kind in (
        ("found", found, Findings),
        ("parts", parts, Parts),
        ("report", report, Report),
    ):
        if not isinstance(value, kind):
            raise checks.CourseError(
                f"{argument} is {checks.shown(value)}. Give what own.inspect, own.split and "
                "evaluate.report return."
            )
    classes = transfer.classes_of(model)
    trained = parts.train["label"].value_counts().sort_index()
    confusion = report.confusion
    truth, sizes = confusion.sum(axis=1), found.sound["label"].value_counts()
    commonest = truth.idxmax()
    recalls = ", ".join(f"{label} {confusion.at[label, label]} of {n}" for label, n in truth.items())
    entries = {
        "What it does": f"It says of a picture which of {len(classes)} classes it shows: "
        f"{', '.join(classes)}. "
        "It names one of them whatever it is shown.",
        "What it learnt from": f"{len(parts.train):,} pictures of {name} "
        f"({', '.join(f'{n:,} {label}' for label, n in trained.items())}), after training on ImageNet's "
        f"photos. Choices were made on {len(parts.val):,} others; {len(parts.test):,} were for the test.",
        "How good it is": f"In the test: {report}. Always saying {commonest} would be right for "
        f"{truth.max()} of {report.n}. Found, class by class: {recalls}. {_mixed_up(confusion)}",
        "Was fine-tuning worth it": _worth(gain),
        "What was wrong with the pictures": f"{_left_out(found)} Pairs of near-duplicates: "
        f"{len(found.pairs)}. The largest class has {sizes.max() / sizes.min():.1f} times as many pictures "
        "as the smallest.",
        "How it was made": f"{transfer.base_of(model).name} with a new head, pictures cropped to a square of "
        f"{model.input_shape[1]} pixels. Keras {runtime.version('keras')}, {date.today().isoformat()}.",
        **TO_FILL_IN,
    }
    text = "\n\n".join(f"**{title}.** {plain(said)}" for title, said in entries.items())
    return Card(f"# Model card: {plain(_listed(classes))}\n\n{text}\n")


def plain(text: str) -> str:
    """Return text as Markdown that shows it as it is: a class may be called `<b>` or `a_b`."""
    return re.sub(r"([\\`*_\[\]#|~$])", r"\\\1", html.escape(text, quote=False))


def _listed(classes: Sequence[str]) -> str:
    *first, last = classes
    return f"{', '.join(first)} or {last}"


def _mixed_up(confusion: pd.DataFrame) -> str:
    """Name the commonest mistakes."""
    pairs = [
        (int(n), f"{true} taken for {confusion.columns[column]} ({n})")
        for true, row in confusion.iterrows()
        for column, n in enumerate(row)
        if n and confusion.columns[column] != true
    ]
    most = sorted(pairs, key=lambda pair: -pair[0])[:3]
    return f"Mixed up most often: {', '.join(text for _, text in most)}." if most else "Nothing was mixed up."


def _left_out(found: Findings) -> str:
    if not len(found.unreadable) and not len(found.contradictory):
        return "All could be read, and none lay in two classes."
    return (
        f"{len(found.unreadable)} could not be read, {len(found.contradictory)} lay in two classes: left out."
    )


def _worth(gain: Comparison | None) -> str:
    if gain is None:
        return "It was not tried: the base network is as ImageNet left it."
    verdict = (
        "Yes, this is the fine-tuned model" if gain.is_gain else "Not that one could tell: this is the head"
    )
    return (
        f"{verdict}. Of {gain.n} validation pictures, the head alone got {gain.only_first} right that the "
        f"fine-tuned model got wrong, and {gain.only_second} the other way round: {gain.difference:+.3f} in "
        f"accuracy (95 % interval {gain.low:+.3f} to {gain.high:+.3f})."
    )
