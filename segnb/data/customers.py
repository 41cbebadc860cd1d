"""The customer table: what a person brings and the behaviour in the purchase log, joined on the customer's id."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import pandas as pd

from segnb.data import contract
from segnb.data.behaviour import customer_expression, fetch_customers, sampled
from segnb.data.purchases import Purchases, by_month, open_log, repeats, stray_lines
from segnb.data.reader import check_columns, cut_rule, read_source
from segnb.errors import DataError
from segnb.init.guesses import is_code
from segnb.parameters import PARAMETERS, Parameters
from segnb.paths import is_file
from segnb.tables import Rule
from segnb.text import percent

_RESERVED = ("segment", "confidence")
"""Columns that segnb adds itself, so that a table may not bring them along."""

MOST_CUSTOMERS = 10_000_000
"""Segments are made from this many customers of a log at most."""

_MUCH = 0.1
"""A larger share of the log that is left out is told at the head of the page."""

_LATER = "lines long after all others"
_TWICE = "lines that repeat another to the letter"
_NOBODY = "customer ids that look like none"
_ODD = (_LATER, _TWICE, _NOBODY, contract.TOTALS, "codes that are no amounts")
"""Rules that are told at the head of the page."""

_LATE = "The purchase log begins after the window does, so counts are lower for that reason alone."

_MANY = 0.4
"""A larger share of lines that repeat another is told: a file that stands twice in a log has half of them."""

MONTH = 31
GAP = 365
"""So many days without a purchase before a few last lines: their dates are wrong."""


@dataclass(frozen=True)
class CustomerTable:
    """One row per customer, in original units, and how it came about.

    Attributes
    ----------
    table : DataFrame
        Index: the customer id (text), or the row number where the table has none.
    behaviours : list of str
        The numeric columns that k-means uses unless told otherwise: those from the log, or without a log
        every numeric column.
    as_of : date or None
        The snapshot's date; None without a purchase log.
    categories : list of str
        The categories that have a share column.
    rules : list of Rule
        Lines of the row log.
    full_window : bool
        False if the log begins after the window does, so that counts are lower for that reason alone.
    purchases : Purchases or None
        The log behind the behaviour.

    Examples
    --------
    >>> load_customers(Parameters(purchases="")).sentence()
    '2,000 customers, and what their columns hold'
    """

    table: pd.DataFrame
    behaviours: list[str]
    as_of: date | None
    categories: list[str]
    rules: list[Rule]
    full_window: bool = True
    purchases: Purchases | None = None

    @cached_property
    def reconciliation(self) -> pd.DataFrame:
        """By month what of the log was used and left out, see `Purchases.reconciliation`; empty without a log."""
        return self.purchases.reconciliation() if self.purchases else pd.DataFrame()

    def sentence(self) -> str:
        """Return how many customers there are, and as of when."""
        as_of = f" as of {self.as_of}" if self.as_of else ""
        return f"{len(self.table):,} customers{as_of}, and what their columns hold"

    def notes(self) -> list[str]:
        """Return what a reader of the figures must know: what much was left out of the log, what time they cover."""
        late = [] if self.full_window else [_LATE]
        odd = [f"{rule.rule}: {rule.affected:,} {rule.unit}, {rule.note}." for rule in self.rules if rule.rule in _ODD]
        return self.left_out() + [each[0].upper() + each[1:] for each in odd] + late

    def months(self) -> pd.DataFrame:
        """Return the purchase log by month, see `segnb.data.purchases.by_month`."""
        return by_month(self.reconciliation)

    def left_out(self) -> list[str]:
        """Return a sentence for each reason for which more than a tenth of the log, lines or sum, was left out."""
        if self.reconciliation.empty:
            return []
        parts = self.reconciliation.assign(size=self.reconciliation["sum"].abs()).groupby("reason")
        table = parts[["lines", "size"]].sum()
        shares = table / table.sum().where(table.sum() > 0)
        much = table.index[(shares.max(axis=1) > _MUCH) & (table.index != "used")]
        return [
            f"{table['lines'][reason]:,} order lines, {percent(shares['lines'][reason])} of them with "
            f"{percent(shares['size'][reason])} of the sum, were left out: {reason}."
            for reason in much
        ]


def load_customers(
    parameters: Parameters, *, days_earlier: int = 0, categories: list[str] | None = None, log: Purchases | None = None
) -> CustomerTable:
    """Return the customer table that the parameters describe.

    With a purchase log there is a row for each customer with an order in the window, and the customer table
    adds columns; without one the customer table is all there is.

    Parameters
    ----------
    parameters : Parameters
    days_earlier : int, default 0
        Take the snapshot this many days before `as_of`, from the same log.
    categories : list of str, optional
        Categories that get a share column; by default those with the highest spend.
    log : Purchases, optional
        The purchase log of `parameters` where it is open already, as `open_log` returns it; the row log then has no
        lines on it.

    Raises
    ------
    DataError
        If a table, a column or the id is missing, an id stands for two different rows, or nobody is left.

    >>> load_customers(Parameters(purchases="")).behaviours
    ['age', 'income']
    """
    known, rules = read_customers(parameters) if parameters.customers else (pd.DataFrame(), [])
    _check_columns(known, parameters)
    purchases = log or (open_log(parameters) if parameters.purchases else None)
    kept_by = [*(rule.note for rule in rules if rule.rule == contract.KEPT), *(purchases.kept_by if purchases else ())]
    _check_named("only", parameters.only, kept_by)
    if not purchases:
        return _without_log(known, rules, parameters)
    as_of = snapshot_day(parameters, purchases) - timedelta(days=days_earlier)
    known, _day, more = contract.dates_as_days(known, str(as_of))
    categories = purchases.top_categories() if categories is None else categories
    expression = customer_expression(purchases, as_of, parameters.window_days, categories)
    some, there = sampled(expression, purchases.counts["customers"], MOST_CUSTOMERS, parameters.seed)
    behaviour = fetch_customers(some)
    rules += more
    if not log:
        rules += _log_rules(purchases, there or len(behaviour), as_of, parameters)
    if there:
        note = f"of {there:,}; segnb score gives the others their segments"
        rules.append(Rule("sample drawn by the id", "customers", there, there - len(behaviour), len(behaviour), note))
    if behaviour.empty:
        why = f"no customer has an order in the {_window_words(parameters, as_of)}"
        raise DataError(f"{parameters.purchases}: {why}; change as_of or window_days")
    rules += contract.alike_rule(behaviour.index)
    table, joined = _join(behaviour, known) if parameters.customers else (behaviour, [])
    full = not parameters.window_days or purchases.first_day <= as_of - timedelta(days=parameters.window_days - 1)
    return CustomerTable(table, list(behaviour), as_of, categories, rules + joined, full, purchases)


def _without_log(known: pd.DataFrame, rules: list[Rule], parameters: Parameters) -> CustomerTable:
    known, as_of, more = contract.dates_as_days(known, parameters.as_of)
    numeric = list(known.select_dtypes("number", exclude="timedelta"))
    if codes := [name for name in numeric if is_code(name)]:
        more.append(Rule("codes that are no amounts", "columns", len(numeric), len(codes), 0, ", ".join(codes)))
    return CustomerTable(known, [name for name in numeric if name not in codes], as_of, [], rules + more)


def _check_columns(known: pd.DataFrame, parameters: Parameters) -> None:
    """Refuse a customer table with names that segnb adds itself, or without those that `ordered` is about."""
    if taken := [repr(name) for name in _RESERVED if name in known]:
        remedy = "is a name that segnb adds itself; rename it"
        raise DataError(f"{parameters.customers}: column {', '.join(taken)} {remedy}")
    if parameters.customers:
        _check_named("ordered", parameters.ordered, known)


def _check_named(parameter: str, names: Iterable[str], there: Container[str]) -> None:
    if missing := [repr(name) for name in names if name not in there]:
        raise DataError(f"{parameter}: no column {', '.join(missing)} in any table; name one that is there")


def snapshot_day(parameters: Parameters, purchases: Purchases) -> date:
    """Return `as_of`, or the day after the last purchase.

    Parameters
    ----------
    parameters : Parameters
    purchases : Purchases
        As returned by `open_log`.

    Raises
    ------
    DataError
        If a few purchases lie years after all others, so that they and not the log would say what the day is.

    >>> snapshot_day(Parameters(), open_log(Parameters()))
    datetime.date(2026, 7, 1)
    """
    if parameters.as_of:
        return date.fromisoformat(parameters.as_of)
    if stray := stray_lines(purchases, GAP):
        lines, day, before = stray
        why = f"order lines from {day} on lie more than {GAP} days after all others, which end on {before}"
        raise DataError(f"{parameters.purchases}: {lines:,} {why}; repair their dates, or set as_of")
    return purchases.last_day + timedelta(days=1)


def _log_rules(purchases: Purchases, there: int, as_of: date, parameters: Parameters) -> list[Rule]:
    """Return lines for the row log on what became of the order lines, one after the other, and of the buyers."""
    unit, left, buyers = "order lines", purchases.counts["lines"], purchases.counts["customers"]
    rules = cut_rule(parameters.purchases, unit, left) if is_file(parameters.purchases, parameters.engine) else []
    for rule, affected, goes, note in _log_steps(purchases, as_of, parameters):
        rules.append(Rule(rule, unit, left, affected, left - affected * goes, note))
        left = rules[-1].after
    window = _window_words(parameters, as_of)
    return [*rules, Rule("without an order in the window", "customers", buyers, buyers - there, there, window)]


def _log_steps(purchases: Purchases, as_of: date, parameters: Parameters) -> Iterator[tuple[str, int, bool, str]]:
    """Yield what holds for how many of the order lines, whether they go, and a note."""
    counts, excludes = purchases.counts, parameters.returns == "exclude"
    if not parameters.as_of and (stray := stray_lines(purchases, MONTH)):
        few, day, before = stray
        note = f"from {day} on, after {before}, so that the snapshot is late; say as_of if they are wrong"
        yield _LATER, few, False, note
    looked, again = repeats(purchases)
    if again > _MANY * looked:
        note = f"of {looked:,} of the first customers; kept; see whether a file was put together with itself"
        yield _TWICE, again, False, note
    if purchases.kept_by:
        yield contract.KEPT, counts["not_kept"], True, ", ".join(purchases.kept_by)
    for what in ("customer", "date", "amount"):
        yield f"without {what} left out", counts[f"without_{what}"], True, ""
    if counts["like_missing"]:
        yield _NOBODY, counts["like_missing"], False, "kept; leave them out with only, or empty the cells"
    yield "returns and free lines", counts["not_sales"], excludes, "left out" if excludes else "netted from the spend"
    days = purchases.lines_by_day
    later = days["lines"][pd.to_datetime(days["day"]) > pd.Timestamp(as_of)].sum()
    yield f"after {as_of} left out", int(later), True, ""


def _window_words(parameters: Parameters, as_of: date) -> str:
    return f"{parameters.window_days} days up to {as_of}" if parameters.window_days else f"time up to {as_of}"


def _join(behaviour: pd.DataFrame, known: pd.DataFrame) -> tuple[pd.DataFrame, list[Rule]]:
    if both := [name for name in known if name in behaviour]:
        raise DataError(f"customers: column {', '.join(map(repr, both))} is also made from the purchase log; rename it")
    unknown = int((~behaviour.index.isin(known.index)).sum())
    inactive = int((~known.index.isin(behaviour.index)).sum())
    if unknown == len(behaviour):
        remedy = "customer_id must name the same id in both, written alike"
        raise DataError(f"customers and purchases share no customer id among those who ordered; {remedy}")
    buyers, note = len(behaviour), "kept, descriptors missing"
    rules = [
        Rule("in the customer table only, left out", "customers", len(known), inactive, len(known) - inactive),
        Rule("buyers not in the customer table", "customers", buyers, unknown, buyers, note),
    ]
    return behaviour.join(known).rename_axis(known.index.name), rules


def read_customers(parameters: Parameters) -> tuple[pd.DataFrame, list[Rule]]:
    """Return the customer table indexed by id, sorted by it, and the rules it went through.

    Parameters
    ----------
    parameters : Parameters

    Raises
    ------
    DataError
        As `load_customers`.

    >>> table, rules = read_customers(Parameters())
    >>> len(table), rules[0].rule
    (2000, 'exact duplicate rows dropped')
    """
    source, id_column = parameters.customers, parameters.customer_id
    reading = parameters.reading | ({"sha256": ""} if parameters.purchases else {})  # it is that of the log
    whole = read_source(source, [id_column], reading, parameters.engine, None)
    table, kept = contract.kept_rows(whole, parameters.only, source)
    table, ranks = contract.ranked(table, parameters.ordered, source)
    rules, rows = kept + ranks, len(table)
    if is_file(source, parameters.engine):
        rules += contract.total_rule(table) + cut_rule(source, "customers", rows)
    untouched = id_column in ("", PARAMETERS["customer_id"].default) and not parameters.purchases
    if untouched and id_column not in table:
        contract.check_no_id(table, source)
        rules += contract.check_contract(table, source)
        rule = Rule("row number taken as id", "customers", rows, 0, rows, f"no column {id_column!r}")
        return table.set_axis(pd.RangeIndex(1, rows + 1, name="row")), [*rules, rule]
    check_columns(table.columns, {"customer_id": id_column}, source)
    unique = table.drop_duplicates()
    rules += contract.check_contract(unique, source, id_column) + contract.alike_rule(pd.Index(unique[id_column]))
    rule = Rule("exact duplicate rows dropped", "customers", rows, rows - len(unique), len(unique))
    return unique.set_index(id_column).sort_index(), [*rules, rule]


def has_ids(table: pd.DataFrame | pd.Series) -> bool:
    """Return whether customers are indexed by ids, which are text, and not by row numbers.

    Parameters
    ----------
    table : DataFrame or Series
        One row per customer.

    >>> has_ids(pd.DataFrame(index=["C1"])), has_ids(pd.DataFrame(index=[1]))
    (True, False)
    """
    return not pd.api.types.is_integer_dtype(table.index)
