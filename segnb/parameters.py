"""The one flat list of parameters that notebooks, presets and the command line share, and its checks."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, ValidationInfo, model_validator

from segnb.errors import DataError
from segnb.paths import EMBEDDED, FAILED, LAB, LATEST, find_file, holds_secret, shown

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A whole run name: at most 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit."""

TAKEN = {
    LATEST: "latest stands for the run that was published last; take another name",
    "index.html": "this is the page of all runs; take another name",
    LAB: "lab is the folder for notebooks run by hand; take another name",
}
"""What no new run may be called, since something else in the outputs folder is."""

_HALF = re.compile(r"[\ud800-\udfff]"), re.compile(r"(?<!\\)\\ud[89a-f][0-9a-f]{2}")
"""Half of a character, as it is in a text, and as a list shows it."""

_NOT_YAML = (yaml.YAMLError, ValueError, RecursionError)
"""What reading YAML raises; a ValueError where a date isn't in the calendar."""


def _as_written(value: Any) -> Any:
    """Return a number, a date, yes or no as the text in the file that YAML read it from."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float, date)) else value


def _check_date(value: str) -> str:
    try:
        if value:
            date.fromisoformat(value)
    except ValueError:
        raise ValueError("a date is written year-month-day, as in 2026-07-01") from None
    return value


def _check_ordered(value: dict[str, list[str]]) -> dict[str, list[str]]:
    for name, levels in value.items():
        different = {each.strip().lower() for each in levels}
        if len(levels) < 2 or len(different) < len(levels):
            raise ValueError(f"{name}: give at least two levels, each once, from low to high; found {levels!r}")
    return value


def _check_reading(value: dict[str, str]) -> dict[str, str]:
    if value.get("ids", "") not in ("", "normalise"):
        raise ValueError("ids: the only choice is 'normalise'; leave it out to keep ids as they are")
    return value


def _check_engine(value: str) -> str:
    if "://" not in value:
        raise ValueError("an address is written kind://…, as in duckdb:// or postgres://user@host/database")
    try:
        urlsplit(value)
    except ValueError as error:
        raise ValueError(f"this isn't an address: {error}") from None
    if holds_secret(value):
        usual = "for PostgreSQL the variable PGPASSWORD or the file ~/.pgpass"
        raise ValueError(f"it holds a secret; put that in the environment or the usual files, {usual}")
    return value


def _check_run_name(value: str, info: ValidationInfo) -> str:
    new = info.field_name == "run"
    if (new or value) and not RUN_NAME.fullmatch(value):
        raise ValueError("a run's name begins with a letter or digit, then letters, digits, . _ -, at most 64")
    if new and value.endswith(FAILED):
        raise ValueError(f"names ending in {FAILED} are reserved for failed runs; take another name")
    if value in TAKEN and (new or value != LATEST):
        raise ValueError(TAKEN[value])
    return value


def _check_names(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for number, name in value.items():
        if not str(number).isdecimal() or int(number) < 1:
            raise ValueError(f"segments are numbered 1, 2, …; found {number!r}")
        if not str(name or "").strip():
            raise ValueError(f"segment {number} has an empty name; name it, or leave it out")
    return {int(number): name for number, name in value.items()}


_Role = Literal["order", "date", "amount", "quantity", "price", "total", "refunded", "product", "category", "discount"]
_Writing = Literal[
    "delimiter", "encoding", "decimal", "thousands", "currency", "dates", "zone", "fill", "ids", "sheet", "sha256"
]
_Text = Annotated[str, BeforeValidator(_as_written)]
_List = Annotated[list[_Text], BeforeValidator(lambda value: value if isinstance(value, list) else [value])]
_Levels = dict[_Text, _List]
_RunName = Annotated[str, AfterValidator(_check_run_name)]
_Count = Annotated[int, Field(ge=1)]
_Weight = Annotated[float, Field(gt=0, lt=1e6)]


class Parameters(BaseModel, extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True):
    """Every parameter with its type, allowed values and default; the notebooks declare the same ones.

    >>> Parameters(k=5).k
    5
    """

    run: _RunName = "shop"
    """name of the run: letters, digits, . _ -"""
    seed: int = Field(0, ge=0, lt=2**31)
    """every random choice starts from it"""
    customers: str = "data/shop_customers.csv"
    """one row per customer: csv, tsv, parquet, xlsx; empty for none"""
    purchases: str = "data/shop_purchases.parquet"
    """purchase log, one row per order line; empty for none"""
    products: str = ""
    """product table with the category of each product; empty for none"""
    customer_id: str = "customer_id"
    """column with the customer's id, in both tables"""
    purchase_columns: dict[_Role, str] = {
        "order": "order_id",
        "date": "ordered_at",
        "amount": "amount",
        "quantity": "quantity",
        "category": "category",
        "discount": "discount",
    }
    """what the log's columns mean"""
    reading: Annotated[dict[_Writing, str], AfterValidator(_check_reading)] = {}
    """how files are written: delimiter, encoding, decimal, thousands, currency, dates, zone, fill, ids, …"""
    only: _Levels = {}
    """rows to keep, by the values of a column: {Status: [paid]}"""
    ordered: Annotated[_Levels, AfterValidator(_check_ordered)] = {}
    """levels that have an order, from low to high: {size: [small, medium, large]}"""
    as_of: Annotated[str, AfterValidator(_check_date)] = ""
    """date of the snapshot, 2026-07-01; empty for the day after the last purchase"""
    window_days: int = Field(365, ge=0, le=36_500)
    """days of purchases that count before as_of; 0 for all of them"""
    returns: Literal["net", "exclude"] = "net"
    """net (returns reduce spend) or exclude (such lines are left out)"""
    engine: Annotated[str, AfterValidator(_check_engine)] = EMBEDDED
    """where the tables live: duckdb://, or another engine's address"""
    features: list[_Text] = []
    """columns to cluster on; empty for every numeric behaviour"""
    descriptors: list[_Text] = []
    """columns to describe segments by; empty for the others"""
    outcomes: list[_Text] = []
    """columns that record an outcome, such as churned: compared between segments, never used to make them"""
    exclude: list[_Text] = []
    """columns to leave out"""
    missing: Literal["median", "most_frequent", "drop", "indicator"] = "median"
    """median, most_frequent, drop, indicator"""
    outliers: Literal["keep", "winsorise", "clip", "drop"] = "winsorise"
    """keep, winsorise, clip, drop"""
    transform: Literal["none", "log", "yeo-johnson", "quantile", "auto"] = "auto"
    """none, log, yeo-johnson, quantile, auto"""
    scale: Literal["none", "standard", "robust", "minmax"] = "standard"
    """none, standard, robust, minmax"""
    weights: dict[str, _Weight] = {}
    """importance of a column, 1 for as much as the others"""
    k: int = Field(0, ge=0)
    """number of segments; 0 to decide from the evidence, or to keep the number in previous"""
    k_min: int = Field(2, ge=2)
    """smallest number of segments to try"""
    k_max: int = Field(10, ge=2, le=50)
    """largest number of segments to try"""
    n_init: _Count = 10
    """restarts of k-means, the best is kept"""
    n_boot: _Count = 50
    """bootstrap samples per k, each paired with the next"""
    n_refs: _Count = 10
    """reference sets of the gap statistic"""
    sample_rows: int = Field(20000, ge=100)
    """the evidence uses this many rows at most, and says so"""
    min_share: float = Field(0.02, ge=0, lt=0.5)
    """smallest segment worth having, as a share of the customers"""
    start_from: _RunName = ""
    """run whose centres to start from; empty for none"""
    x_axis: str = ""
    """feature on the scatter plot's x axis; empty for the one that separates most"""
    y_axis: str = ""
    """feature on the scatter plot's y axis; empty for the next best"""
    value: str = "spend"
    """column whose total the segments share; empty for none"""
    names: Annotated[dict[int, str], BeforeValidator(_check_names)] = {}
    """your names for segments, {1: "Regulars"}"""
    min_cell: _Count = 10
    """figures on fewer customers are withheld"""
    previous: _RunName = ""
    """earlier run to compare with; empty for this log as of lookback_days ago"""
    lookback_days: _Count = 90
    """how far back the comparison with the same log goes"""

    @property
    def tried(self) -> range:
        """Every number of segments to try: from k_min to k_max, and as far as a k that was given."""
        return range(min(self.k_min, self.k or self.k_min), max(self.k_max, self.k) + 1)

    @model_validator(mode="after")
    def _check_together(self) -> "Parameters":
        itself = f"={self.run!r} is this run itself; name an earlier one, or give this run a new name"
        faults = {
            f"k_min={self.k_min} is more than k_max={self.k_max}; lower k_min or raise k_max": self.k_min > self.k_max,
            "k=1 puts everybody in one segment; use 0 to decide from the evidence, or 2 or more": self.k == 1,
            f"start_from{itself}": self.start_from == self.run,
            f"previous{itself}": self.previous == self.run,
            "customers and purchases are both empty; give at least one table": not (self.customers or self.purchases),
        }
        if told := [words for words, holds in faults.items() if holds]:
            raise ValueError("; ".join(told))
        return self


PARAMETERS = Parameters.model_fields
"""Name, type, default and description of every parameter."""


def check_parameters(values: Mapping[str, Any]) -> Parameters:
    """Return `values` as checked parameters, the rest at their defaults.

    Parameters
    ----------
    values : mapping of str to object
        Parameter names and values, from a preset or the command line.

    Raises
    ------
    DataError
        If a name is unknown (the nearest is suggested) or a value is not allowed; every fault is listed.

    >>> check_parameters({"outliers": "keep"}).outliers
    'keep'
    >>> check_parameters({"outlier": "keep"})
    Traceback (most recent call last):
    segnb.errors.DataError: outlier: no such parameter; did you mean 'outliers'?
    """
    if unknown := [name for name in values if name not in PARAMETERS]:
        raise DataError("; ".join(_unknown_message(str(name)) for name in unknown))
    if broken := [name for name, value in values.items() if _HALF[not isinstance(value, str)].search(str(value))]:
        raise DataError(f"{', '.join(broken)}: holds half a character, which no file can hold; write it again")
    try:
        return Parameters(**values)
    except ValidationError as error:
        raise DataError("; ".join(_fault_message(fault) for fault in error.errors())) from None


def notebook_parameters(namespace: Mapping[str, Any]) -> Parameters:
    """Return the parameters that a notebook's namespace holds, checked: `notebook_parameters(globals())`.

    Parameters
    ----------
    namespace : mapping of str to object
        Names that aren't parameters are ignored; missing parameters have their defaults.

    Raises
    ------
    DataError
        As `check_parameters`.

    >>> notebook_parameters({"k": 4, "table": object()}).k
    4
    """
    return check_parameters({name: namespace[name] for name in PARAMETERS if name in namespace})


def changed_parameters(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters that differ from their defaults, by name.

    Parameters
    ----------
    parameters : Parameters

    >>> changed_parameters(Parameters(k=4, seed=0))
    {'k': 4}
    """
    return {name: value for name, value in parameters if value != PARAMETERS[name].default}


def _unknown_message(name: str) -> str:
    near = difflib.get_close_matches(name, PARAMETERS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else "the parameters are " + ", ".join(PARAMETERS)
    return f"{name}: no such parameter; {hint}"


def _fault_message(fault: Mapping[str, Any]) -> str:
    problem = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return problem
    name = str(fault["loc"][0])
    given = shown(str(fault["input"])) if name == "engine" else fault["input"]
    inside = "".join(f"[{part!r}]" for part in fault["loc"][1:] if part != "[key]")
    return f"{name}{inside}={given!r}: {problem[0].lower()}{problem[1:]} ({PARAMETERS[name].description})"


class _Loader(yaml.SafeLoader):
    """Reads YAML without aliases and without a name given twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases: a few lines of them can unfold to more than memory holds."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read; write the value itself")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        """Refuse a name given twice: one of its two values would be lost."""
        names = [key.value for key, _ in node.value]
        if twice := sorted({str(name) for name in names if names.count(name) > 1}):
            raise yaml.YAMLError(f"{', '.join(twice)} is given more than once")
        return super().construct_mapping(node, deep)


def read_preset(source: str) -> dict[str, Any]:
    """Return the parameters in a YAML file.

    Parameters
    ----------
    source : str
        See `segnb.paths.find_file`.

    Returns
    -------
    dict of str to object
        As they stand there, unchecked; numbers and dates are text where a parameter is one.

    Raises
    ------
    DataError
        If the file is missing, or holds no mapping of parameter names to values.

    >>> read_preset("data/shop.yaml")["run"]
    'shop'
    """
    try:
        found = yaml.load(find_file(source).read_text(encoding="utf-8"), _Loader)  # a safe loader
        values = json.loads(json.dumps(found, default=str))  # makes dates text, and joins the halves of characters
    except (*_NOT_YAML, TypeError) as error:
        raise DataError(f"{source}: isn't valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise DataError(f"{source}: isn't a preset, with lines of NAME: VALUE; for a table, segnb init writes one")
    return {name: str(value) if _is_text(name) and isinstance(value, int) else value for name, value in values.items()}


def read_values(pairs: Iterable[str]) -> dict[str, Any]:
    """Return the parameters given as NAME=VALUE.

    A parameter that is a text is taken as it stands, so 007 stays 007; the others are read as YAML.

    Parameters
    ----------
    pairs : iterable of str
        From the command line.

    Returns
    -------
    dict of str to object
        Known names; their values are unchecked.

    Raises
    ------
    DataError
        If there is no "=", no such parameter, or the value isn't valid YAML.

    >>> read_values(["k=5", "run=007", "features=[age, spend]"])
    {'k': 5, 'run': '007', 'features': ['age', 'spend']}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise DataError(f"-p {pair}: write it as NAME=VALUE, for instance -p k=5")
        try:
            values[name] = text if _is_text(name) else yaml.safe_load(text)
        except _NOT_YAML:
            raise DataError(f"-p {pair}: the value isn't valid YAML; lists are [a, b], mappings {{a: b}}") from None
    check_parameters({name: values[name] for name in values if name not in PARAMETERS})
    return values


def _is_text(name: str) -> bool:
    return name not in PARAMETERS or isinstance(PARAMETERS[name].default, str)
