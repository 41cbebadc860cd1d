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
from segnb.text import IS, Finding, category_of, listed, paragraph, prose, sentences

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

_WORDS = prose(__file__)

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
    suggested = _suggest(tried, large, valley, agreed)
    chosen = k or suggested
    row = tried.loc[chosen]
    back = row[["prediction_strength", "stability"]].min() >= COMES_BACK
    verdict = ("natural" if separated[chosen] else "reproducible") if back else "constructed"
    found = {"valley": valley, "agreed": agreed, "suggested": suggested, "ruled_out": _largest(separated & ~large)}
    asked = {"given": k, "taken_from": taken_from, "min_share": min_share, "chosen": chosen}
    figures = {"at_valley": table.loc[valley], "row": row, "finer": _finer(table, large, chosen)}
    reasons = _WORDS.reasons(**found, **asked, **figures, any_large=large.any(), back=back)
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
        reasons=sentences(reasons),
        disagreement=other or [f"All figures that name a k favour k = {chosen}."],
        favourites=favourites,
        overridden=bool(k),
        taken_from=taken_from if k else "",
    )


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


def _suggest(tried: pd.DataFrame, large: pd.Series, valley: int, agreed: int) -> int:
    """Return the k that the evidence supports; without groups the most reproducible one."""
    fitting = tried[large] if large.any() else tried
    most = int((fitting["prediction_strength"] + fitting["stability"]).idxmax())
    return next((k for k in (agreed, valley) if k > 1), most)


def _finer(table: pd.DataFrame, large: pd.Series, chosen: int) -> int:
    """Return a larger k that one source names, the classification likelihood or the best mixture; 0 for none."""
    named = {int(table["classification"].idxmin()), _best_mixture(table)}
    return min((k for k in named if k > chosen and _possible(table, large, k)), default=0)


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
    advice, again = words["advice"].format(k=choice.k), words["not found" if weak else "all found"].format(weak=named)
    return paragraph(_WORDS.summary(choice=choice, advice=advice, again=again))


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
    unseen = any(IS in name for name in X) and not choice.structure
    return sentences(_WORDS.about_columns(alone=alone, unseen=unseen))


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
    >>> limits(table, decide(table), columns=2)[:32]
    'All of this holds for 2 columns '
    """
    row, k_max = evidence.set_index("k").loc[choice.k], evidence["k"].max()
    other = [str(k) for k in sorted({*choice.favourites.values()} - {choice.k})]
    few = n_boot if n_boot < _FEW_DRAWS else 0
    return paragraph(_WORDS.limits(k=choice.k, k_max=k_max, row=row, columns=columns, few=few, other=other))
