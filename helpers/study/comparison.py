"""What the comparison's results say to whoever has to choose a strategy."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import checks
from . import domains, grid, paired
from .domains import DIGITS, PHOTOS, SPEECH
from .strategies import ALL_BLOCKS, FROM_SCRATCH, HEAD_ONLY

PARTS = ("grid", "architecture", "rate", "larger", "patience", "bases")
SMALL, LARGE = grid.SIZES[0], grid.SIZES[-1]

# The tutorial's figure 5. Where it recommends no transfer learning at all, training from scratch is left.
ADVICE = {
    (PHOTOS, SMALL): HEAD_ONLY,
    (PHOTOS, LARGE): ALL_BLOCKS,
    (DIGITS, SMALL): FROM_SCRATCH,
    (DIGITS, LARGE): FROM_SCRATCH,
    (SPEECH, SMALL): FROM_SCRATCH,
    (SPEECH, LARGE): FROM_SCRATCH,
}
N_CLASSES = {name: 10 if name in (DIGITS, SPEECH) else 2 for name in domains.NAMES}
BEYOND = 2  # how many times more or fewer pictures a class than were measured still count as like them


def results(part: str = "grid") -> pd.DataFrame:
    """Return the course's own results, a row a trained classifier.

    Args:
        part: "grid" (the comparison), "architecture" and "rate" (by which its settings were chosen), "larger"
            (at 128 pixels), "patience" (with twice the patience), "bases" (heads on four base networks).

    Example:
        >>> table = comparison.results()
        >>> sorted(table["domain"].unique())
        ['digits', 'dogs and cats', 'drawings', 'spoken digits']

    See also: `paired.means`, `paired.differences`, which take them.
    """
    checks.choice("part", part, PARTS)
    return grid.read(part=part)


def table(results: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies as text, a row a domain and number of pictures, a column a strategy.

    Each is a mean over seeds ± half of its 95 % interval, over seeds and held-out pictures.

    Example:
        >>> text = comparison.table(comparison.results())
        >>> text.loc[("digits", 80), "head only"]
        '0.767 ± 0.027'

    See also: `paired.means` for the same as numbers.
    """
    means = paired.means(results)
    text = means["accuracy"].map("{:.3f}".format)
    text += means["margin"].map(" ± {:.3f}".format).where(means["margin"].notna(), "")
    wide = means.assign(text=text).pivot(index=["domain", "n_train"], columns="strategy", values="text")
    order = {name: list(means[name].unique()) for name in ("domain", "strategy")}
    return wide.loc[order["domain"], order["strategy"]].fillna("")


def on_pareto_front(means: pd.DataFrame) -> pd.Series:
    """Mark the rows that no other row beats: none is at least as accurate, takes no longer, and is not equal.

    Args:
        means: columns `accuracy` and `cpu_seconds`; of one domain.

    Example:
        >>> means = pd.DataFrame({"accuracy": [0.7, 0.9, 0.8], "cpu_seconds": [1, 5, 9]})
        >>> comparison.on_pareto_front(means).tolist()
        [True, True, False]
    """
    checks.table(means, "accuracy", "cpu_seconds", name="means", maker="paired.means")
    accuracy, seconds = means["accuracy"].to_numpy(), means["cpu_seconds"].to_numpy()
    no_worse = (accuracy[:, None] >= accuracy) & (seconds[:, None] <= seconds)
    beaten = (no_worse & ~no_worse.T).any(axis=0)
    return pd.Series(~beaten, means.index)


@dataclass(frozen=True)
class Recommendation:
    """What to begin with, and what that rests on.

    Attributes:
        strategy: one of `STRATEGIES`, or "raw pixels".
        setting: that validation chose for it, of several the most frequent: a learning rate, or the C of a
            logistic regression.
        why: two sentences.
        rows: of `paired.means`: each strategy in the most similar situation that was measured.
    """

    strategy: str
    setting: float
    why: str
    rows: pd.DataFrame

    def __str__(self) -> str:
        return f"{self.strategy}: {self.why}"


def recommend(
    n_images: int, n_classes: int, domain: str, measured: pd.DataFrame | None = None
) -> Recommendation:
    """Advise on a strategy for your own pictures: the cheapest that is not shown to be worse.

    Looked up is the measured situation with the most similar number of pictures a class. Among its
    strategies, those count as equals of the most accurate one whose distance to it may be chance (see
    `paired.difference`), and the cheapest of them is the advice.

    Args:
        n_images: how many pictures there are to train on.
        n_classes: of how many classes.
        domain: what they resemble most: "dogs and cats" (photographs of things, as in ImageNet), "drawings"
            (clean pictures of such things), "digits" (plain shapes) or "spoken digits" (spectrograms).
        measured: results; by default the course's own.

    Raises:
        CourseError: fewer than two classes, fewer pictures than classes, a domain that was not measured, or
            twice as many or half as few pictures a class as were measured.

    Example:
        >>> advice = comparison.recommend(200, n_classes=2, domain="dogs and cats")
        >>> advice.rows["n_train"].unique().tolist()
        [320]

    See also: `strategies.run_cell`, which trains what is advised.
    """
    checks.whole_number("n_classes", n_classes, 2)
    checks.whole_number("n_images", n_images, n_classes)
    checks.choice("domain", domain, domains.NAMES)
    measured = results() if measured is None else measured
    checks.table(measured, "domain", "n_train", "setting", name="measured", maker="comparison.results")
    cells = measured[measured["domain"] == domain]
    if cells.empty:
        raise checks.CourseError(
            f"domain is {checks.shown(domain)}, of which there are no results. "
            f'Compute them by python -m helpers compare --domains "{domain}", or choose another domain.'
        )
    a_class, sizes = n_images / n_classes, cells["n_train"].unique() / N_CLASSES[domain]
    if not sizes.min() / BEYOND <= a_class <= sizes.max() * BEYOND:
        raise checks.CourseError(
            f"n_images is {n_images} for {n_classes} classes: {a_class:.0f} a class. '{domain}' was measured "
            f"with {sizes.min():.0f} to {sizes.max():.0f} a class. Compare strategies on your own pictures."
        )
    nearest = sizes[np.abs(np.log(sizes / a_class)).argmin()]
    cells = paired.with_shared_seeds(cells[cells["n_train"] == nearest * N_CLASSES[domain]])
    rows = paired.means(cells).set_index("strategy", drop=False)
    best = str(rows["accuracy"].idxmax())
    others = [str(name) for name in rows.index.drop(best)]
    leads = {name: lead for name in others if (lead := paired.difference(cells, best, name))}
    equals = [name for name, lead in leads.items() if lead["p"] >= paired.LEVEL]
    advised = str(rows.loc[[best, *equals], "cpu_seconds"].idxmin())
    found = (
        f"With {nearest:.0f} pictures a class of '{domain}', it reached {rows.loc[advised, 'accuracy']:.3f}"
    )
    if advised == best:
        why = f"{found}, more than any other strategy."
    else:
        ratio = rows.loc[best, "cpu_seconds"] / rows.loc[advised, "cpu_seconds"]
        lead = "{lead:.3f} ± {margin:.3f}".format(**leads[advised])
        why = (
            f"{found}. The most accurate was '{best}', by {lead}, which is not decided, for "
            f"{ratio:.0f} times the processor's time."
        )
    setting = float(cells.loc[cells["strategy"] == advised, "setting"].mode().iloc[0])
    return Recommendation(advised, setting, why, rows.reset_index(drop=True))
