"""From the evidence to a number of segments, with the reasons and an honest verdict."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import ArrayLike

from segnb.choose_k.separation import MIXTURES
from segnb.errors import DataError
from segnb.tables import COMES_BACK, FOUND_AGAIN
from segnb.text import IS, Finding, category_of, label, listed, percent

_CHANCE, _DEEP, _BESIDE_REFERENCE = 0.1, 0.65, 0.65
"""The most that a valley may have: p, depth, and depth as a share of what references without groups show."""

_HARDLY_FULL = 1.25
"""Likelihoods count only where no middle between two segments is fuller than this many times the sparser centre."""

_PAIR = ["valley_segment", "valley_other"]
_MIXTURES = [f"bic_{shape}" for shape in MIXTURES]
_LIKELIHOODS = ["classification", *_MIXTURES]

_ALONE = 0.1
"""A column of two values makes a segment alone if less than this share of its variance lies within the segments."""

_FEW_DRAWS = 20
"""With fewer pairs of resamples the verdict may hang on a single one."""

_FEW_CUSTOMERS = 50
"""Among fewer customers a valley can hardly be told from chance."""

_VERDICTS = yaml.safe_load(Path(__file__).with_name("verdicts.yaml").read_text(encoding="utf-8"))
"""By verdict `meaning` and `advice`, in which {k} stands for the number of segments, and what is found again."""


@dataclass(frozen=True, repr=False)
class Choice(Finding):
    """The number of segments and why.

    Attributes
    ----------
    k : int
    verdict : {"natural", "reproducible", "constructed"}
    meaning : str
        What the verdict says of these customers.
    structure : bool
        Whether there are groups at all, for some k.
    separated : bool
        Whether there is a valley between every two segments of the chosen k.
    nearest : list of int
        The two segments that are hardest to tell apart, numbered from the largest on.
    depth : float
        How many customers lie between them: 0 for none, 1 for as many as around the sparser centre.
    reasons : list of str
        Sentences with the figures that decided.
    disagreement : list of str
        Sentences on the figures that would have chosen otherwise.
    favourites : dict of str to int
        Each figure's favourite k; a figure that names none is not there.
    overridden : bool
        Whether k was given, by a person or by an earlier run.
    taken_from : str
        The earlier run that k was taken over from, or "".

    >>> import numpy as np
    >>> from segnb.choose_k import evidence
    >>> X = np.repeat([[0.0, 0], [9, 0]], 30, axis=0) + np.random.default_rng(0).normal(size=(60, 2))
    >>> table = evidence(X, k_max=3, n_boot=5, n_refs=3)
    >>> choice = decide(table)
    >>> choice.k, choice.verdict, choice.separated
    (2, 'natural', True)
    """

    k: int
    verdict: str
    meaning: str
    structure: bool
    separated: bool
    nearest: list[int]
    depth: float
    reasons: list[str]
    disagreement: list[str]
    favourites: dict[str, int]
    overridden: bool
    taken_from: str = ""

    def sentence(self) -> str:
        """Return the choice and the verdict's meaning in one sentence."""
        return f"{self.k} segments, {self.verdict}: {self.meaning}."


def decide(evidence: pd.DataFrame, *, min_share: float = 0.02, k: int = 0, taken_from: str = "") -> Choice:
    """Return the number of segments that the evidence supports.

    Two kinds of evidence name groups. *Valley*: the largest k with clearly fewer customers between every
    two segments than around their centres, and than references without groups have there. *Agreement*: the k on
    which the classification likelihood and the mixtures agree, for groups that overlap. An agreement wins; with
    neither there is no structure, and k is the most reproducible one. No k counts that leaves a segment below
    `min_share`, unless all do. The verdict is *natural* only with a valley at the chosen k and segments that come
    back (prediction strength and stability of at least 0.8), *reproducible* if they come back without one, and
    *constructed* if they do not. `tests/benchmarks` has the trial that this rule won.

    Parameters
    ----------
    evidence : DataFrame
        As returned by `evidence`.
    min_share : float, default 0.02
        Smallest share of the customers that a segment may have.
    k : int, default 0
        A person's choice, which overrides; 0 for none.
    taken_from : str, optional
        The earlier run that `k` was taken over from, if it was.

    Raises
    ------
    DataError
        If `k` is not among the tried ones.

    >>> import numpy as np
    >>> from segnb.choose_k import evidence
    >>> X = np.repeat([[0.0, 0], [9, 0], [0, 9]], 30, axis=0) + np.random.default_rng(0).normal(size=(90, 2))
    >>> decide(evidence(X, k_max=4, n_boot=5, n_refs=3)).sentence()[:19]
    '3 segments, natural'
    """
    table = evidence.set_index("k")
    tried = table.drop(index=1)
    if k and k not in tried.index:
        raise DataError(f"k={k} was not tried (k = {tried.index.min()} to {tried.index.max()}); widen k_min and k_max")
    large = tried["all_rows_smallest_share"] >= min_share
    separated = _separated(tried)
    valley = _largest(separated & large)
    agreed = _agreed(table, large, valley)
    structure = max(valley, agreed) > 1
    suggested, why = _suggest(tried, large, valley, agreed)
    chosen = k or suggested
    row = tried.loc[chosen]
    back = row[["prediction_strength", "stability"]].min() >= COMES_BACK
    verdict = ("natural" if separated[chosen] else "reproducible") if back else "constructed"
    given = [f"k = {k} {_given(taken_from)}; the evidence alone suggests k = {suggested}."] if k else []
    reasons = [*_groups(tried, valley, agreed), *given, why, *_too_small(separated, large, valley, min_share)]
    reasons += [_figures(row, chosen), *_finer(table, large, chosen)]
    favourites = _favourites(table)
    other = [f"By itself, {name} would choose k = {each}." for name, each in favourites.items() if each != chosen]
    return Choice(
        k=int(chosen),
        verdict=verdict,
        meaning=_meaning(verdict, structure, int(row["all_rows"])),
        structure=structure,
        separated=bool(separated[chosen]),
        nearest=row[_PAIR].astype(int).tolist(),
        depth=float(row["valley_depth"]),
        reasons=reasons,
        disagreement=other or [f"All figures that name a k favour k = {chosen}."],
        favourites=favourites,
        overridden=bool(k),
        taken_from=taken_from if k else "",
    )


def _given(taken_from: str) -> str:
    return f"was taken over from {taken_from}" if taken_from else "was set by hand"


def _separated(tried: pd.DataFrame) -> pd.Series:
    """Return for each k whether there is a valley between every two segments."""
    deep = tried["valley_depth"] <= (_BESIDE_REFERENCE * tried["valley_reference"]).clip(upper=_DEEP)
    return deep & (tried["valley_p"] <= _CHANCE)


def _largest(named: pd.Series) -> int:
    return int(max(named.index[named], default=1))


def _agreed(table: pd.DataFrame, large: pd.Series, valley: int) -> int:
    """Return the k on which the likelihoods agree, 1 if there is none.

    The best mixture names it and, of the classification likelihood and the three mixtures, at least two; where there
    are valleys at another k, at least three. None of the four is further off than two, and no middle is full.
    """
    k, votes = _best_mixture(table), [int(table[name].idxmin()) for name in _LIKELIHOODS]
    agree = votes.count(k) >= (3 if valley > 1 else 2) and all(abs(vote - k) <= 2 for vote in votes)
    return k if agree and _possible(table, large, k) and table["valley_depth"][k] <= _HARDLY_FULL else 1


def _possible(table: pd.DataFrame, large: pd.Series, k: int) -> bool:
    """Return whether a likelihood may name a k: beyond the largest that was tried, more might do better still."""
    return 1 < k < table.index.max() and bool(large[k])


def _suggest(tried: pd.DataFrame, large: pd.Series, valley: int, agreed: int) -> tuple[int, str]:
    """Return the k that the evidence supports, and why in a sentence."""
    if agreed > 1:
        return agreed, f"k = {agreed} is the number on which the likelihoods agree."
    if valley > 1:
        return valley, f"k = {valley} is the largest number with a valley between every two segments."
    fitting = tried[large] if large.any() else tried
    k = int((fitting["prediction_strength"] + fitting["stability"]).idxmax())
    note = "" if large.any() else ", of sizes that are too small at every k"
    return k, f"Without groups any k is a convenience; k = {k} is the most reproducible one{note}."


def _groups(tried: pd.DataFrame, valley: int, agreed: int) -> list[str]:
    """Return what the two kinds of evidence say of groups, in sentences."""
    said = "At no k is there a valley between every two segments: somewhere one goes over into another."
    if valley > 1:
        (one, other), share = tried.loc[valley, _PAIR].astype(int), percent(tried.loc[valley, "valley_depth"])
        said = (
            f"Every two of {valley} segments have a valley between them, the shallowest between {one} and {other}, "
            f"with {share} as many customers in the middle as at the sparser centre."
        )
    likely = f"agree on k = {agreed}" if agreed > 1 else "do not agree on a k"
    return [said, f"The likelihoods of round groups {likely}."]


def _too_small(separated: pd.Series, large: pd.Series, valley: int, min_share: float) -> list[str]:
    """Return a sentence on a larger k with valleys that leaves a segment below the smallest share."""
    ruled_out = _largest(separated & ~large)
    if ruled_out <= valley:
        return []
    return [f"k = {ruled_out} has valleys too, but leaves a segment below {min_share:.0%}: see it with min_share."]


def _figures(row: pd.Series, k: int) -> str:
    return (
        f"With k = {k}, other samples of customers give the same segments with a prediction strength of "
        f"{row['prediction_strength']:.2f} and a stability of {row['stability']:.2f}."
    )


def _finer(table: pd.DataFrame, large: pd.Series, chosen: int) -> list[str]:
    """Return a sentence on a larger k that one source names: the classification likelihood or the best mixture."""
    named = {int(table["classification"].idxmin()), _best_mixture(table)}
    finer = sorted(k for k in named if k > chosen and _possible(table, large, k))
    return [f"One likelihood names k = {k}, so finer groups may exist; see them with -p k={k}." for k in finer[:1]]


def _best_mixture(table: pd.DataFrame) -> int:
    return int(table[_MIXTURES].min(axis=1).idxmin())


def _favourites(table: pd.DataFrame) -> dict[str, int]:
    """Return the k that each figure alone would choose; a figure that names none is left out."""
    tried = table.drop(index=1)
    names = {
        "silhouette": tried["silhouette"].idxmax(),
        "Calinski–Harabasz": tried["calinski_harabasz"].idxmax(),
        "Davies–Bouldin": tried["davies_bouldin"].idxmin(),
        "gap": table["gap_k"].iloc[0],
        "prediction strength": max(tried.index[tried["prediction_strength"] >= COMES_BACK], default=None),
        "stability": tried["stability"][::-1].idxmax(),  # of equals the larger k says more
        "classification likelihood": table["classification"].idxmin(),
        "BIC of mixtures": _best_mixture(table),
    }
    return {name: int(k) for name, k in names.items() if not pd.isna(k)}


def _meaning(verdict: str, structure: bool, customers: int) -> str:
    """Return what a verdict says of these customers."""
    meaning = _VERDICTS[_kind(verdict, structure)]["meaning"]
    if customers >= _FEW_CUSTOMERS:
        return meaning
    return f"{meaning}; but {customers} customers are too few to tell a gap from chance"


def _kind(verdict: str, structure: bool) -> str:
    return "constructed groups" if verdict == "constructed" and structure else verdict


def summary(choice: Choice, stability: pd.DataFrame) -> str:
    """Return the choice of k as a paragraph for people who decide, not for statisticians.

    Parameters
    ----------
    choice : Choice
    stability : DataFrame
        As returned by `segment_stability` for the chosen k, or for several k with it among them.

    >>> import numpy as np
    >>> from segnb.choose_k import evidence, segment_stability
    >>> X = np.repeat([[0.0, 0], [9, 0]], 30, axis=0) + np.random.default_rng(0).normal(size=(60, 2))
    >>> table = evidence(X, k_max=3, n_boot=5, n_refs=3)
    >>> stability = segment_stability(X, np.repeat([1, 2], 30), n_boot=5)
    >>> summary(decide(table), stability)[:58]
    'The customers fall into groups that can be told apart, and'
    """
    if "k" in stability:
        stability = stability[stability["k"] == choice.k]
    weak = [str(segment) for segment in stability.loc[stability["jaccard"] < FOUND_AGAIN, "segment"]]
    named = f"segment {weak[0]}" if len(weak) == 1 else f"segments {listed(weak)}"
    words = _VERDICTS[_kind(choice.verdict, choice.structure)]
    sentences = [
        words["advice"].format(k=choice.k),
        words["not found" if weak else "all found"].format(weak=named),
    ]
    if choice.overridden:
        sentences.append(f"This number of segments {_given(choice.taken_from)}.")
    return " ".join(sentences)


def about_columns(X: pd.DataFrame, labels: ArrayLike, choice: Choice) -> list[str]:
    """Return sentences on columns that a reader must know about: those that make a segment alone, and categories.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
        The scaled matrix, levels of categories as `segnb.prepare` calls them.
    labels : array of shape (n_rows,)
        The segments of the rows.
    choice : Choice

    >>> import numpy as np
    >>> from segnb.choose_k import evidence
    >>> X = pd.DataFrame({"churned": np.repeat([0.0, 9], 30), "a": np.random.default_rng(0).normal(size=60)})
    >>> about_columns(X, np.repeat([1, 2], 30), decide(evidence(X, k_max=3, n_boot=5, n_refs=3)))[0][:37]
    'churned alone makes a segment: within'
    """
    yes = [name for name in X if X[name].nunique() == 2]
    within = X[yes].groupby(np.asarray(labels)).var(ddof=0).mul(pd.Series(labels).value_counts(), axis=0).sum()
    left = within / len(X) / X[yes].var(ddof=0)
    alone = dict.fromkeys(category_of(name) for name in left.index[left < _ALONE])
    said = [
        f"{label(name)} alone makes a segment: within the segments hardly anybody differs in it. If it tells what came "
        "of a customer, as a churn flag does, name it in outcomes."
        for name in alone
    ]
    if any(IS in name for name in X) and not choice.structure:
        said.append("Groups of categories only are not seen here; latent classes (step 3, extra latent) see them.")
    return said


def limits(evidence: pd.DataFrame, choice: Choice, columns: int, n_boot: int = _FEW_DRAWS) -> str:
    """Return a paragraph on what the figures do not say about this choice.

    Parameters
    ----------
    evidence : DataFrame
    choice : Choice
    columns : int
        Number of columns that the segments are made from.
    n_boot : int, default 20
        Pairs of resamples that the stability was computed from.

    >>> import numpy as np
    >>> from segnb.choose_k import evidence
    >>> X = np.repeat([[0.0, 0], [9, 0]], 30, axis=0) + np.random.default_rng(0).normal(size=(60, 2))
    >>> table = evidence(X, k_max=3, n_boot=5, n_refs=3)
    >>> limits(table, decide(table), columns=2)[:33]
    'All of this is said of 2 columns '
    """
    row = evidence.set_index("k").loc[choice.k]
    sentences = [
        f"All of this is said of {columns} column{'s' if columns > 1 else ''} and of groups as k-means makes them, "
        "round and of similar width; other columns, or groups of other shapes, are another question.",
        f"{percent(row['below_zero_share'])} of the customers lie nearer to a neighbouring segment than to their own.",
    ]
    if row["rows"] < row["all_rows"]:
        sentences.append(
            f"The figures were computed on a random {int(row['rows']):,} of the {int(row['all_rows']):,} customers; "
            "segments much rarer than the smallest share can be missed."
        )
    if n_boot < _FEW_DRAWS:
        sentences.append(f"Only {n_boot} pairs of samples were drawn, so that one more may change the verdict.")
    if choice.k == evidence["k"].max():
        sentences.append(f"k = {choice.k} is the largest that was tried; a wider range may support more segments.")
    other = sorted({*choice.favourites.values()} - {choice.k})
    if other:
        sentences.append(f"Single figures would have chosen {listed([str(each) for each in other])}.")
    sentences.append("Whether the segments pay is not in any of these figures: only acting on them will tell.")
    return " ".join(sentences)
