"""What the comparison's results say: means and spreads, paired differences, the tutorial's advice judged.

Everything here works on the table that `python -m helpers compare` fills, one row a trained classifier.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import checks
from . import domains, experiments
from .domains import DIGITS, PHOTOS

RESULTS = experiments.RESULTS / "strategies.csv"
PARTS = ("grid", "search", "bases")

FROM_SCRATCH, HEAD_ONLY, LAST_BLOCKS, ALL_BLOCKS, COLD, BATCH_NORM = STRATEGIES = (
    "from scratch",
    "head only",
    "last blocks",
    "all blocks",
    "all, no warm-up",
    "all, batch norm trained",
)

# The tutorial's figure 5. Where it recommends no transfer learning at all, training from scratch is left.
ADVICE = {
    (PHOTOS, "small"): HEAD_ONLY,
    (PHOTOS, "large"): ALL_BLOCKS,
    (DIGITS, "small"): FROM_SCRATCH,
    (DIGITS, "large"): FROM_SCRATCH,
}
N_CLASSES = {name: 10 if name == DIGITS else 2 for name in domains.NAMES}


def results(part: str = "grid") -> pd.DataFrame:
    """Return the course's own results: "grid" (the comparison), "search" (learning rates) or "bases".

    Example:
        >>> grid = comparison.results("grid")
        >>> len(grid), sorted(grid["domain"].unique())
        (360, ['digits', 'dogs and cats', 'drawn pets'])

    See also: `summarise`, `table`, `differences`, which take them.
    """
    checks.choice("part", part, PARTS)
    table = experiments.read(RESULTS, text=["size"])  # "all", or a number of pictures
    return table[table["part"] == part].reset_index(drop=True)


def _check_results(name: str, table: object, *columns: str) -> None:
    columns = columns or ("domain", "n_train", "strategy", "seed", "accuracy")
    checks.table(table, *columns, name=name, maker="comparison.results returns it")


def best_rate(table: pd.DataFrame, strategy: str, domain: str) -> float:
    """Return the learning rate that validation chose for a strategy in a domain: the lowest log loss.

    Args:
        table: a results file as read, with its search.
        strategy, domain: names.

    Raises:
        ValueError: the results have no search for them.
    """
    if len(table):
        is_wanted = (table["strategy"] == strategy) & (table["domain"] == domain)
        found = table[is_wanted & (table["part"] == "search")]
        if len(found):
            return float(found.loc[found["validation_loss"].idxmin(), "learning_rate"])
    raise checks.CourseError(
        f"strategy is '{strategy}' and domain '{domain}': no learning rate was searched for them. "
        "Run the search first."
    )


def summarise(grid: pd.DataFrame, by: tuple[str, ...] = ("domain", "n_train", "strategy")) -> pd.DataFrame:
    """Average the seeds: one row for each combination of `by`, in the grid's order of domains and strategies.

    Returns:
        Columns `accuracy`, `spread` (standard deviation of the accuracy over seeds), `log_loss`,
        `cpu_seconds`, `seconds`, `trainable`, `images_seen`, `epochs`, `seeds`.

    Example:
        >>> summary = comparison.summarise(comparison.results())
        >>> summary[["domain", "n_train", "strategy", "accuracy", "spread"]].head(2).round(3)
                  domain  n_train      strategy  accuracy  spread
        0  dogs and cats       20  from scratch     0.520   0.028
        1  dogs and cats       20     head only     0.718   0.039

    See also: `table` for the same as text.
    """
    _check_results("grid", grid, *by, "accuracy", "cpu_seconds")
    cells = grid.groupby(list(by))
    table = cells.agg(
        accuracy=("accuracy", "mean"),
        spread=("accuracy", "std"),
        log_loss=("log_loss", "mean"),
        cpu_seconds=("cpu_seconds", "mean"),
        seconds=("seconds", "mean"),
        trainable=("trainable", "first"),
        images_seen=("images_seen", "mean"),
        epochs=("best_epoch", "mean"),
        seeds=("seed", "size"),
    ).reset_index()
    orders = {"domain": domains.NAMES, "strategy": STRATEGIES}

    def order(column: pd.Series) -> pd.Series:
        known = orders.get(column.name)
        return column.map(known.index) if known and column.isin(known).all() else column

    return table.sort_values(list(by), key=order, kind="stable", ignore_index=True)


def table(grid: pd.DataFrame) -> pd.DataFrame:
    """Return mean ± standard deviation of the accuracy as text, a row a (domain, n_train).

    The last row says how many seeds there are. Where there is one only, no spread can be given.

    Example:
        >>> table = comparison.table(comparison.results())
        >>> table.loc[("digits", 80), "head only"]
        '0.770 ± 0.015'

    See also: `summarise` for the same as numbers.
    """
    _check_results("grid", grid)
    summary = summarise(grid)
    text = summary["accuracy"].map("{:.3f}".format)
    spread = summary["spread"].map(" ± {:.3f}".format).where(summary["spread"].notna(), "")
    wide = summary.assign(text=text + spread).pivot(
        index=["domain", "n_train"], columns="strategy", values="text"
    )
    strategies = [name for name in STRATEGIES if name in wide]
    order = [name for name in domains.NAMES if name in set(grid["domain"])]
    wide = wide.loc[order, strategies].fillna("")
    seeds = summary.groupby("strategy")["seeds"].max()
    wide.loc[("seeds", ""), :] = [str(seeds[name]) for name in strategies]
    return wide


def half_width(values: pd.Series) -> float:
    """Return half of the 95 % interval of the mean of `values` (Student, 1908); NaN for fewer than two."""
    if not isinstance(values, pd.Series):
        raise checks.CourseError(f"values is {checks.shown(values)}. Give a pandas Series of numbers.")
    from scipy import stats  # most of a second, which every command would wait for

    return float(stats.t.ppf(0.975, len(values) - 1) * values.sem())


def differences(grid: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    """Compare two strategies seed by seed, since both had the same training pictures.

    Returns:
        One row a (domain, n_train): `lead`, the mean of the accuracy of `one` less that of `other`;
        `margin`, half of its 95 % interval; `seeds`, how many pairs; `verdict`: "ahead", "behind", or
        "undecided" where the lead is within its margin and may be chance.

    Example:
        >>> found = comparison.differences(comparison.results(), "all blocks", "head only")
        >>> found[["domain", "n_train", "lead", "verdict"]].tail(2).round(3)
            domain  n_train   lead verdict
        10  digits      320  0.077   ahead
        11  digits     1077  0.029   ahead
    """
    _check_results("grid", grid)
    checks.choice("one", one, STRATEGIES)
    checks.choice("other", other, STRATEGIES)
    rows = []
    for domain in (name for name in domains.NAMES if name in set(grid["domain"])):
        for n_train, cells in grid[grid["domain"] == domain].groupby("n_train"):
            accuracy = cells.pivot(index="seed", columns="strategy", values="accuracy")
            if not {one, other} <= set(accuracy):
                continue
            pairs = (accuracy[one] - accuracy[other]).dropna()
            lead, margin = pairs.mean(), half_width(pairs)
            verdict = "ahead" if lead > margin else "behind" if lead < -margin else "undecided"
            rows.append((domain, n_train, lead, margin, len(pairs), verdict))
    return pd.DataFrame(rows, columns=["domain", "n_train", "lead", "margin", "seeds", "verdict"])


def _means(cells: pd.DataFrame) -> pd.Series:
    """Return the mean accuracy of each strategy; what was run once has no margin, and is not judged yet."""
    by_strategy = cells.groupby("strategy")["accuracy"]
    return by_strategy.mean()[by_strategy.size() > 1]


def verdicts(grid: pd.DataFrame) -> pd.DataFrame:
    """Hold the tutorial's figure 5 against a grid: one row a box whose advice was measured, and a rival.

    The smallest training set is "small", the largest "large". The advised strategy is compared
    with its best rival: the box `agrees` or `disagrees` where the lead is outside its margin of
    chance (see `differences`), and is `undecided` within it.

    Returns:
        Columns `domain`, `size`, `n_train`, `advised`, `rival`, `lead` (of the advised strategy, negative
        where it is behind), `margin`, `verdict`.

    Example:
        >>> found = comparison.verdicts(comparison.results())
        >>> found[["domain", "size", "advised", "verdict"]]
                  domain   size       advised    verdict
        0  dogs and cats  small     head only  disagrees
        1  dogs and cats  large    all blocks  undecided
        2         digits  small  from scratch     agrees
        3         digits  large  from scratch     agrees

    See also: `differences`.
    """
    _check_results("grid", grid)
    rows = []
    for (domain, size), advised in ADVICE.items():
        cells = grid[grid["domain"] == domain]
        n_train = cells["n_train"].min() if size == "small" else cells["n_train"].max()
        cells = cells[cells["n_train"] == n_train]
        accuracy = _means(cells)
        if advised not in accuracy or len(accuracy) < 2:
            continue
        rival = accuracy.drop(advised).idxmax()
        found = differences(cells, advised, rival).squeeze("index")
        verdict = {"ahead": "agrees", "behind": "disagrees"}.get(found["verdict"], "undecided")
        rows.append((domain, size, n_train, advised, rival, found["lead"], found["margin"], verdict))
    columns = ["domain", "size", "n_train", "advised", "rival", "lead", "margin", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def worth_in_pictures(grid: pd.DataFrame, strategy: str) -> pd.DataFrame:
    """Say with how many pictures training from scratch is as accurate as a strategy is with fewer.

    Between two sizes, the accuracy from scratch is taken to grow evenly with the logarithm of the number of
    pictures. Each seed is compared with itself.

    Returns:
        One row a (domain, n_train): `pictures`, the median over seeds; `low` and `high`, the least and
        the most. Infinite where from scratch does not get there with all pictures that there are; `most`
        is how many that is.

    Example:
        >>> worth = comparison.worth_in_pictures(comparison.results(), "head only")
        >>> worth[worth["domain"] == "digits"].round()
            domain  n_train  pictures    low   high  most
        8   digits       20      20.0   20.0   20.0  1077
        9   digits       80      24.0   20.0   38.0  1077
        10  digits      320      68.0   62.0   72.0  1077
        11  digits     1077     154.0  149.0  160.0  1077
    """
    _check_results("grid", grid)
    checks.choice("strategy", strategy, STRATEGIES)
    rows = []
    for domain, cells in grid.groupby("domain", sort=False):
        accuracy = cells.pivot(index=["seed", "n_train"], columns="strategy", values="accuracy")
        found: dict[int, list[float]] = {}
        for _, own in accuracy[[FROM_SCRATCH, strategy]].dropna().groupby("seed"):
            sizes = own.index.get_level_values("n_train").to_numpy()
            scratch = np.maximum.accumulate(own[FROM_SCRATCH].to_numpy())
            for size, reached in zip(sizes, own[strategy]):
                enough = np.exp(np.interp(reached, scratch, np.log(sizes)))
                found.setdefault(size, []).append(np.inf if reached > scratch[-1] else enough)
        rows += [
            (domain, size, np.median(n), min(n), max(n), cells["n_train"].max()) for size, n in found.items()
        ]
    return pd.DataFrame(rows, columns=["domain", "n_train", "pictures", "low", "high", "most"])


def on_pareto_front(summary: pd.DataFrame) -> pd.Series:
    """Mark the rows that no other row beats: none is as accurate or more, and cheaper in `cpu_seconds`.

    Example:
        >>> summary = pd.DataFrame({"accuracy": [0.7, 0.9, 0.8], "cpu_seconds": [1, 5, 9]})
        >>> comparison.on_pareto_front(summary).tolist()
        [True, True, False]
    """
    _check_results("summary", summary, "accuracy", "cpu_seconds")
    cheapest_first = summary.sort_values(["cpu_seconds", "accuracy"], ascending=[True, False])
    best_before = cheapest_first["accuracy"].cummax().shift(fill_value=-np.inf)
    return (cheapest_first["accuracy"] > best_before).reindex(summary.index)


@dataclass(frozen=True)
class Recommendation:
    """What to begin with, and what that rests on.

    Attributes:
        strategy: one of `STRATEGIES`.
        learning_rate: that validation chose for it where it was measured; NaN for a head, which has none.
        why: two sentences.
        rows: of `summarise`: each strategy in the most similar situation that was measured.
    """

    strategy: str
    learning_rate: float
    why: str
    rows: pd.DataFrame

    def __str__(self) -> str:
        return f"{self.strategy}: {self.why}"


def recommend(n_images: int, n_classes: int, domain: str, grid: pd.DataFrame | None = None) -> Recommendation:
    """Advise on a strategy for pictures of one's own: the cheapest that is not shown to be worse.

    Looked up is the measured situation with the most similar number of pictures a class. Among its
    strategies, those count as equals of the most accurate one whose distance to it is within its margin
    (see `differences`), and the cheapest of them is the advice.

    Args:
        n_images: how many pictures there are to train on.
        n_classes: of how many classes.
        domain: what they resemble most: "dogs and cats" (photographs of things, as in ImageNet),
            "drawn pets" (pictures of such things, but no photographs) or "digits" (plain shapes).
        grid: results; by default the course's own.

    Raises:
        ValueError: fewer than two classes, fewer pictures than classes, or a domain that was not measured.

    Example:
        >>> advice = comparison.recommend(200, n_classes=2, domain="dogs and cats")
        >>> advice.strategy
        'head only'

    See also: `strategies.run_cell`, which trains what is advised.
    """
    checks.whole_number("n_classes", n_classes, 2)
    checks.whole_number("n_images", n_images, n_classes)
    checks.choice("domain", domain, domains.NAMES)
    grid = results() if grid is None else grid
    _check_results("grid", grid)
    _check_results("grid", grid[grid["strategy"] != HEAD_ONLY], "learning_rate")
    cells = grid[grid["domain"] == domain]
    if cells.empty:
        raise checks.CourseError(
            f"domain is {checks.shown(domain)}, of which grid has no results. "
            f'Compute them by python -m helpers compare --domains "{domain}", or choose another domain.'
        )
    sizes = cells["n_train"].unique()
    distance = np.abs(np.log(sizes / N_CLASSES[domain]) - np.log(n_images / n_classes))
    n_train = sizes[distance.argmin()]
    cells = cells[cells["n_train"] == n_train]
    cells = cells[cells["strategy"].isin(_means(cells).index)]
    rows = summarise(cells).set_index("strategy", drop=False)
    best = rows["accuracy"].idxmax()
    equals = [best]
    for name in rows.index.drop(best):
        if differences(cells, best, name)["verdict"].item() == "undecided":
            equals.append(name)
    advised = rows.loc[equals, "cpu_seconds"].idxmin()
    a_class = f"{n_train / N_CLASSES[domain]:.0f} pictures a class"
    found = f"With {a_class} of '{domain}', it reached {rows.loc[advised, 'accuracy']:.3f}"
    if advised == best:
        why = f"{found}, more than any other strategy."
    else:
        lead, margin = differences(cells, best, advised)[["lead", "margin"]].squeeze("index")
        ratio = rows.loc[best, "cpu_seconds"] / rows.loc[advised, "cpu_seconds"]
        why = (
            f"{found}. The most accurate was '{best}', by {lead:.3f} ± {margin:.3f}, which may be chance, "
            f"for {ratio:.0f} times the processor's time."
        )
    rate = float(cells.loc[cells["strategy"] == advised, "learning_rate"].iloc[0])
    return Recommendation(advised, rate, why, rows.reset_index(drop=True))
