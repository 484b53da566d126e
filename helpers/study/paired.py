"""Two strategies on the same training pictures and the same held-out pictures: which is ahead, how surely?

A difference of two mean accuracies has two sources of chance: which pictures were drawn to train on (and how
the weights began), and which pictures were held out. Intervals here hold both.
"""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd
from scipy import stats

from .. import checks
from .domains import N_SPEAKERS, NAMES, SPEECH
from .strategies import RAW_PIXELS, STRATEGIES, from_text

LEVEL = 0.05
BY = ["domain", "size"]
KNOWN = {name: place for place, name in enumerate((RAW_PIXELS, *STRATEGIES))}


# --- both sources of chance -----------------------------------------------------------------------------


def mean_and_margin(values: np.ndarray) -> tuple[float, float, float]:
    """Return a mean over seeds and held-out pictures, half of its 95 % interval, and p: could it be 0?

    The variances of the two sources of chance add: that of the seeds' means, divided by the number of seeds,
    and that of the pictures' means, divided by the number of pictures. (What a seed and a picture have in
    common is counted in both, which errs on the careful side.) Degrees of freedom are those of
    F. E. Satterthwaite (1946).

    Args:
        values: `(seeds, pictures)`: 0 or 1 for each answer, or differences of these. Or `(n,)`: means of
            units that have pictures of their own, such as speakers; then they are all there is of chance.

    Returns:
        Of a single seed or unit, an interval of NaN, and p of 1. Where all answers are equal, the margin
        is the rule of three's (J. A. Hanley and A. Lippman-Hand, 1983): what n pictures did not show happens
        in fewer than 3 of n.

    Example:
        >>> from helpers.study import paired
        >>> rng = np.random.default_rng(0)
        >>> lucky = rng.normal(0.8, 0.03, size=(10, 1))  # how accurate each seed's classifier is
        >>> mean, margin, _ = paired.mean_and_margin(rng.random((10, 400)) < lucky)
        >>> round(mean, 2), round(margin, 3)
        (0.81, 0.025)
    """
    sources = [values] if values.ndim == 1 else [values.mean(axis=1), values.mean(axis=0)]
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), 1.0
    variances = [float(np.var(means, ddof=1)) / len(means) for means in sources]
    if not (variance := sum(variances)):
        return mean, 0.0 if values.ndim == 1 else 3 / values.shape[1], float(mean == 0)
    freedom = variance**2 / sum(part**2 / (len(means) - 1) for part, means in zip(variances, sources))
    error = variance**0.5
    margin = stats.t.ppf(1 - LEVEL / 2, freedom) * error
    return mean, float(margin), float(2 * stats.t.sf(abs(mean) / error, freedom))


def half_width(values: np.ndarray | pd.Series) -> float:
    """Return half of the 95 % interval of a mean over seeds alone (Student, 1908); NaN for fewer than two."""
    return mean_and_margin(np.asarray(values, float))[1] if len(values) else float("nan")


def right_answers(record: pd.Series) -> np.ndarray:
    """Return which held-out pictures a classifier got right, `(n,)` of 1 and 0, from a row of the results.

    Raises:
        CourseError: no such row.

    Example:
        >>> record = comparison.results().iloc[0]
        >>> right = paired.right_answers(record)
        >>> len(right), round(float(right.mean() - record["accuracy"]), 6)
        (420, 0.0)
    """
    if not isinstance(record, pd.Series) or not {"right", "n_held_out"} <= set(record.index):
        raise checks.CourseError(
            f"record is {checks.shown(record)}, which does not say which pictures were right. "
            "Give a row of the results."
        )
    return from_text(record["right"], int(record["n_held_out"])).astype(float)


def answers(cells: pd.DataFrame, strategy: str) -> pd.DataFrame:
    """Return a strategy's answers: a row a seed, a column a held-out picture, 1 where it was right, else 0.

    Args:
        cells: rows of the results, of one domain and size.
        strategy: its name.

    Example:
        >>> results = comparison.results()
        >>> cells = results[(results["domain"] == "digits") & (results["size"] == "80")]
        >>> paired.answers(cells, "head only").shape
        (10, 540)
    """
    checks.table(cells, "strategy", "seed", "right", "n_held_out", name="cells", maker="comparison.results")
    checks.choice("strategy", strategy, cells["strategy"].unique())
    own = cells[cells["strategy"] == strategy]
    return pd.DataFrame({record["seed"]: right_answers(record) for _, record in own.iterrows()}).T


def _units(by_seed: pd.DataFrame | pd.Series, domain: str) -> np.ndarray:
    """Return what `mean_and_margin` takes: of spoken digits, a mean a speaker, by turns held out."""
    if domain != SPEECH:
        return by_seed.to_numpy()
    of_seeds = by_seed if by_seed.ndim == 1 else by_seed.mean(axis=1)
    return of_seeds.groupby(of_seeds.index % N_SPEAKERS).mean().to_numpy()


# --- what the results say -------------------------------------------------------------------------------


def _situations(table: pd.DataFrame) -> Iterator[tuple[tuple[str, str, int], pd.DataFrame]]:
    """Yield domain, size and number of training pictures, with the rows of each, from near and few on."""
    checks.table(table, *BY, "n_train", "strategy", "seed", "accuracy", "right", "n_held_out", name="table")
    if (twice := table.duplicated([*BY, "strategy", "seed"])).any():
        strategy, seed = table.loc[twice, ["strategy", "seed"]].iloc[0]
        raise checks.CourseError(
            f"table has '{strategy}' with seed {seed} twice. Give results of one part, one base network and "
            "one size of pictures."
        )
    by_size = table.sort_values("n_train", kind="stable").groupby(BY, sort=False)
    places = {name: place for place, name in enumerate(NAMES)}
    for (domain, size), cells in sorted(by_size, key=lambda pair: places.get(pair[0][0], len(places))):
        yield (domain, size, int(cells["n_train"].iloc[0])), cells


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Average the seeds: one row a domain, size and strategy.

    Returns:
        Columns `accuracy`, its `spread` (standard deviation over seeds), `seeds_margin` (half of the 95 %
        interval over seeds alone) and `margin` (over seeds and held-out pictures), `log_loss`, `cpu_seconds`,
        `seeds`.

    Example:
        >>> means = paired.means(comparison.results())
        >>> means.loc[0, ["domain", "size", "strategy"]].tolist()
        ['dogs and cats', '20', 'raw pixels']
    """
    rows = []
    for situation, cells in _situations(table):
        for strategy in sorted(
            cells["strategy"].unique(), key=lambda name: (KNOWN.get(name, len(KNOWN)), name)
        ):
            own = cells[cells["strategy"] == strategy]
            _, margin, _ = mean_and_margin(_units(answers(cells, strategy), situation[0]))
            accuracy = own["accuracy"]
            spread, seeds_margin = accuracy.std(), half_width(accuracy)
            others = own["log_loss"].mean(), own["cpu_seconds"].mean(), len(own)
            rows.append((*situation, strategy, accuracy.mean(), spread, seeds_margin, margin, *others))
    columns = ["accuracy", "spread", "seeds_margin", "margin", "log_loss", "cpu_seconds", "seeds"]
    return pd.DataFrame(rows, columns=[*BY, "n_train", "strategy", *columns])


def difference(cells: pd.DataFrame, one: str, other: str) -> dict[str, float] | None:
    """Compare two strategies in one situation, over the seeds that both have; None without two of them.

    Returns:
        `lead`: the mean accuracy of `one` less that of `other`; `margin`, `p`: of it, over seeds and held-out
        pictures; `seeds_margin`: over seeds alone (speakers, where there are speakers; of these, the lead is
        their mean); `loss_lead`, `loss_margin`: of the log loss, over seeds (speakers) alone, since records
        keep no more of it than its mean; `seeds`; `without`: lead and p with one seed (speaker) left out, for
        `judge`.
    """
    domain = str(cells["domain"].iloc[0])
    leads = (answers(cells, one) - answers(cells, other)).dropna()
    if len(leads) < 2:
        return None
    units = _units(leads, domain)
    lead, margin, p = mean_and_margin(units)
    without = {}
    for number, unit in enumerate(leads.index if domain != SPEECH else range(len(units))):
        some_lead, _, some_p = mean_and_margin(np.delete(units, number, axis=0))
        without[unit] = some_lead, some_p
    by_seed = cells[cells["seed"].isin(leads.index)].pivot(index="seed", columns="strategy")
    gain, loss = (by_seed[name][one] - by_seed[name][other] for name in ("accuracy", "log_loss"))
    return {
        "lead": lead,
        "margin": margin,
        "p": p,
        "seeds_margin": half_width(_units(gain, domain)),
        "loss_lead": loss.mean(),
        "loss_margin": half_width(_units(loss, domain)),
        "seeds": len(leads),
        "without": without,
    }


def differences(table: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    """Compare two strategies wherever both were measured, and judge all of it together (see `judge`).

    Args:
        table: of the grid.
        one, other: strategies; or what stands in the table in their place, such as base networks.

    Returns:
        One row a domain and size: the columns of `difference`, and those of `judge`.

    Example:
        >>> found = paired.differences(comparison.results(), "head only", "raw pixels")
        >>> found[["domain", "verdict"]].drop_duplicates().to_numpy().tolist()[:2]
        [['dogs and cats', 'ahead'], ['drawings', 'ahead']]
    """
    situations = list(_situations(table))
    for name, value in {"one": one, "other": other}.items():
        checks.choice(name, value, dict.fromkeys((*KNOWN, *table["strategy"])))
    rows = []
    for (domain, size, n_train), cells in situations:
        if {one, other} <= set(cells["strategy"]) and (found := difference(cells, one, other)):
            rows.append({"domain": domain, "size": size, "n_train": n_train} | found)
    return judge(pd.DataFrame(rows))


def judge(found: pd.DataFrame) -> pd.DataFrame:
    """Judge all differences of a table together: one that is told must hold among all that are shown.

    Args:
        found: a row of `difference` each, with its `domain`.

    Returns:
        The table with `alone`, the verdict of each for itself, at 95 %; `holm`, its p by S. Holm's method
        (1979), which keeps the chance of *any* false verdict in the table under 5 %; `turns`, how many single
        seeds or speakers, left out of their whole domain, would change what that says; `verdict`: "ahead" or
        "behind" where it holds and nothing turns it, else "undecided".
    """
    if found.empty:
        return found.assign(alone=[], holm=[], turns=[], verdict=[])
    holm = _holm(found["p"])
    together = _verdicts(found["lead"], holm)
    turns = pd.Series(0, found.index)
    for _, rows in found.groupby("domain"):
        for unit in {unit for without in rows["without"] for unit in without}:
            lead, p = found["lead"].copy(), found["p"].copy()
            there = [row for row in rows.index if unit in rows.at[row, "without"]]
            for row in there:
                lead[row], p[row] = rows.at[row, "without"][unit]
            turns[there] += (_verdicts(lead, _holm(p)) != together)[there]
    return found.drop(columns="without").assign(
        alone=_verdicts(found["lead"], found["p"]),
        holm=holm,
        turns=turns,
        verdict=together.where(turns == 0, "undecided"),
    )


def _holm(p: pd.Series) -> pd.Series:
    """Return adjusted p-values: the smallest times their number, the next times one less, none falling."""
    stepped = p.sort_values() * np.arange(len(p), 0, -1)
    return stepped.cummax().clip(upper=1).reindex(p.index)


def _verdicts(lead: pd.Series, p: pd.Series) -> pd.Series:
    side = np.where(lead > 0, "ahead", "behind")
    return pd.Series(np.where(p < LEVEL, side, "undecided"), p.index)


def with_shared_seeds(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the seeds that all strategies of a situation have: what is fair to rank them by."""
    n = cells["strategy"].nunique()
    return cells[cells.groupby("seed")["strategy"].transform("nunique") == n]


def boxes(
    table: pd.DataFrame, advice: Mapping[tuple[str, str], str], rivals: Collection[str] = STRATEGIES
) -> pd.DataFrame:
    """Hold advice against the results: a strategy for each domain and size against its strongest rival.

    The rival is the one with the lowest mean *validation* loss: it is not chosen by the answers that are
    compared. (Of spoken digits, whoever is held out with one seed is for validation with another.)

    Args:
        table: of the grid.
        advice: (domain, size) -> strategy.
        rivals: strategies, or `["raw pixels"]` to hold it against the control.

    Returns:
        One row a box that was measured: `advised`, `rival`, and the columns of `differences`, where "ahead"
        means that the advice is right.

    Example:
        >>> boxes = paired.boxes(comparison.results(), comparison.ADVICE)
        >>> boxes.loc[0, ["domain", "size", "advised"]].tolist()
        ['dogs and cats', '20', 'head only']
    """
    rows = []
    for (domain, size, n_train), cells in _situations(table):
        if (domain, size) not in advice:
            continue
        advised = advice[domain, size]
        candidates = with_shared_seeds(cells[cells["strategy"].isin({advised, *rivals})])
        losses = candidates.groupby("strategy")["validation_loss"].mean()
        if advised not in losses.index or len(losses) < 2:
            continue
        rival = str(losses.drop(advised).idxmin())
        if found := difference(cells, advised, rival):
            names = {"domain": domain, "size": size, "n_train": n_train, "advised": advised, "rival": rival}
            rows.append(names | found)
    return judge(pd.DataFrame(rows))
