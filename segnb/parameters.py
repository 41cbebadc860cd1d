"""The one flat list of parameters that notebooks, presets and the command line share, and its checks."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from segnb.errors import DataError
from segnb.paths import EMBEDDED, LATEST, find_file, holds_secret, shown

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A whole run name: at most 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit."""

HALF = re.compile(r"[\ud800-\udfff]"), re.compile(r"(?<!\\)\\ud[89a-f][0-9a-f]{2}")
"""Half of a character, as it is in a text, and as a list shows it."""

Writing = Literal["delimiter", "encoding", "decimal", "thousands", "dates", "zone", "ids", "sheet", "sha256"]
Count = Annotated[int, Field(ge=1)]


class Parameters(BaseModel):
    """Every parameter with its type, allowed values and default; the notebooks declare the same ones.

    >>> Parameters(k=5).k
    5
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    run: str = Field("shop", description="name of the run: letters, digits, . _ -")
    seed: int = Field(0, ge=0, lt=2**31, description="every random choice starts from it")
    customers: str = Field(
        "data/shop_customers.csv", description="one row per customer: csv, tsv, parquet, xlsx; empty for none"
    )
    purchases: str = Field(
        "data/shop_purchases.parquet", description="purchase log, one row per order line; empty for none"
    )
    products: str = Field("", description="product table with the category of each product; empty for none")
    customer_id: str = Field("customer_id", description="its column in both tables")
    purchase_columns: dict[
        Literal["order", "date", "amount", "quantity", "price", "product", "category", "discount"], str
    ] = Field(
        {
            "order": "order_id",
            "date": "ordered_at",
            "amount": "amount",
            "quantity": "quantity",
            "category": "category",
            "discount": "discount",
        },
        description="what the log's columns mean",
    )
    reading: dict[Writing, str] = Field(
        {},
        description="how files are written: delimiter, encoding, decimal, thousands, dates, zone, ids, sheet, sha256",
    )
    as_of: str = Field("", description="date of the snapshot, 2026-07-01; empty for the day after the last purchase")
    window_days: int = Field(365, ge=0, description="days of purchases that count before as_of; 0 for all of them")
    returns: Literal["net", "exclude"] = Field(
        "net", description="net (returns reduce spend) or exclude (such lines are left out)"
    )
    engine: str = Field(EMBEDDED, description="where the tables live: duckdb://, or another engine's address")
    features: list[str] = Field([], description="columns to cluster on; empty for every numeric behaviour")
    descriptors: list[str] = Field([], description="columns to describe segments by; empty for the others")
    missing: Literal["median", "most_frequent", "drop", "indicator"] = Field(
        "median", description="median, most_frequent, drop, indicator"
    )
    outliers: Literal["keep", "winsorise", "clip", "drop"] = Field(
        "winsorise", description="keep, winsorise, clip, drop"
    )
    transform: Literal["none", "log", "yeo-johnson", "quantile", "auto"] = Field(
        "auto", description="none, log, yeo-johnson, quantile, auto"
    )
    scale: Literal["none", "standard", "robust", "minmax"] = Field(
        "standard", description="none, standard, robust, minmax"
    )
    weights: dict[str, Annotated[float, Field(gt=0, lt=1e6)]] = Field(
        {}, description="importance of a column, 1 for as much as the others"
    )
    k: int = Field(0, ge=0, description="number of segments; 0 to decide from the evidence")
    k_min: int = Field(2, ge=2, description="smallest number of segments to try")
    k_max: int = Field(10, ge=2, le=50, description="largest number of segments to try")
    n_init: Count = Field(10, description="restarts of k-means, the best is kept")
    n_boot: Count = Field(50, description="bootstrap samples per k, each paired with the next")
    n_refs: Count = Field(20, description="reference sets of the gap statistic")
    sample_rows: int = Field(20000, ge=100, description="the evidence uses this many rows at most, and says so")
    min_share: float = Field(
        0.03, ge=0, lt=0.5, description="smallest segment worth having, as a share of the customers"
    )
    start_from: str = Field("", description="run whose centres to start from; empty for none")
    x_axis: str = Field("", description="feature across the scatter plot; empty for the one that separates most")
    y_axis: str = Field("", description="feature up the scatter plot; empty for the next one")
    value: str = Field("spend", description="column whose total the segments share; empty for none")
    names: dict[int, str] = Field({}, description='your names for segments, {1: "Regulars"}')
    min_cell: Count = Field(10, description="figures on fewer customers are withheld")
    previous: str = Field("", description="earlier run to compare with; empty for this log as of lookback_days ago")
    lookback_days: Count = Field(90, description="how far back the comparison with the same log goes")
    replay_months: int = Field(6, ge=0, le=60, description="months of the log to replay at most; 0 for none")

    @field_validator("as_of")
    @classmethod
    def _check_as_of(cls, value: str) -> str:
        if value:
            try:
                date.fromisoformat(value)
            except ValueError:
                raise ValueError("a date is written year-month-day, as in 2026-07-01") from None
        return value

    @field_validator("features", "descriptors", mode="before")
    @classmethod
    def _check_columns(cls, value: Any) -> Any:
        """Take columns that are called by a number, which YAML reads as one."""
        return [str(name) if type(name) is int else name for name in value] if isinstance(value, list) else value

    @field_validator("engine")
    @classmethod
    def _check_engine(cls, value: str) -> str:
        if "://" not in value:
            raise ValueError("an address is written kind://…, as in duckdb:// or postgres://user@host/database")
        try:
            urlsplit(value)
        except ValueError as error:
            raise ValueError(f"this is no address: {error}") from None
        if holds_secret(value):
            raise ValueError(
                "it holds a secret; leave that to the environment or the usual files, for PostgreSQL the variable "
                "PGPASSWORD or the file ~/.pgpass"
            )
        return value

    @field_validator("run", "start_from", "previous")
    @classmethod
    def _check_run_names(cls, value: str, info: ValidationInfo) -> str:
        if not RUN_NAME.fullmatch(value) and not (value == "" and info.field_name != "run"):
            raise ValueError("a run's name begins with a letter or digit, then letters, digits, . _ -, at most 64")
        if value == LATEST and info.field_name == "run":
            raise ValueError("latest stands for the run that was published last; take another name")
        if value == "index.html":
            raise ValueError("this is the page of all runs; take another name")
        return value

    @field_validator("names", mode="before")
    @classmethod
    def _check_names(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for number in value:
                if not str(number).isdecimal() or int(number) < 1:
                    raise ValueError(f"segments are numbered 1, 2, …; found {number!r}")
                if not str(value[number] or "").strip():
                    raise ValueError(f"segment {number} has an empty name; name it, or leave it out")
            return {int(number): name for number, name in value.items()}
        return value

    @model_validator(mode="after")
    def _check_together(self) -> "Parameters":
        if self.k_min > self.k_max:
            raise ValueError(f"k_min={self.k_min} is more than k_max={self.k_max}; lower k_min or raise k_max")
        if self.k == 1:
            raise ValueError("k=1 is one segment of everybody; use 0 to decide from the evidence, or 2 and more")
        for name in ("start_from", "previous"):
            if getattr(self, name) == self.run:
                raise ValueError(
                    f"{name}={self.run!r} is this run itself; name an earlier one, or give this run a new name"
                )
        if not self.customers and not self.purchases:
            raise ValueError("customers and purchases are both empty; give at least one table")
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
        For a name that is no parameter (the nearest is suggested), or values that are not allowed; every
        fault is listed.

    >>> check_parameters({"outliers": "keep"}).outliers
    'keep'
    >>> check_parameters({"outlier": "keep"})
    Traceback (most recent call last):
    segnb.errors.DataError: outlier: no such parameter; did you mean 'outliers'?
    """
    unknown = [name for name in values if name not in PARAMETERS]
    if unknown:
        raise DataError("; ".join(_unknown_message(str(name)) for name in unknown))
    if broken := [name for name, value in values.items() if HALF[not isinstance(value, str)].search(str(value))]:
        raise DataError(f"{', '.join(broken)}: holds half a character, which no file can hold; write it anew")
    try:
        return Parameters(**values)
    except ValidationError as error:
        raise DataError("; ".join(_fault_message(fault) for fault in error.errors())) from None


def notebook_parameters(namespace: Mapping[str, Any]) -> Parameters:
    """Return the parameters that a notebook's namespace holds, checked: `notebook_parameters(globals())`."""
    return check_parameters({name: namespace[name] for name in PARAMETERS if name in namespace})


def changed_parameters(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters that differ from their defaults, by name.

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


@dataclass
class Line:
    """One parameter of a preset: its value and a comment that says why; a mapping has entries, each with its own."""

    name: str
    value: object
    comment: str = ""
    entries: Mapping[str, tuple[object, str]] = field(default_factory=dict)

    def text(self) -> str:
        """Return the line as YAML; a mapping stands on lines of its own, each with its reason."""
        if not self.entries:
            return f"{self.name}: {_yaml(self.value)}{comment(self.comment)}"
        inside = [f"  {name}: {_yaml(value)}{comment(why)}" for name, (value, why) in self.entries.items()]
        return "\n".join([f"{self.name}:{comment(self.comment)}", *inside])


def read_preset(source: str) -> dict[str, Any]:
    """Return the parameters in a YAML file.

    Raises
    ------
    DataError
        If the file is missing or holds no mapping of parameter names to values.

    >>> read_preset("data/shop.yaml")["run"]
    'shop'
    """
    try:
        values = _joined(yaml.safe_load(find_file(source).read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no day of the calendar
        raise DataError(f"{source}: no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise DataError(f"{source}: is no preset, which holds lines of NAME: VALUE; for a table, segnb init writes one")
    return {str(name): _as_text(str(name), value) for name, value in values.items()}


def _joined(value: Any) -> Any:
    """Return a value in which characters that JSON writes in two halves are whole: JSON is YAML, but for these."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, dict):
        return {_joined(name): _joined(each) for name, each in value.items()}
    return [_joined(each) for each in value] if isinstance(value, list) else value


def read_values(pairs: Iterable[str]) -> dict[str, Any]:
    """Return the parameters given as NAME=VALUE.

    A parameter that is a text is taken as it stands, so 007 stays 007; the others are read as YAML.

    Raises
    ------
    DataError
        If there is no "=", or the value is no YAML.

    >>> read_values(["k=5", "run=007", "features=[age, spend]"])
    {'k': 5, 'run': '007', 'features': ['age', 'spend']}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise DataError(f"-p {pair}: write it as NAME=VALUE, for instance -p k=5")
        values[name] = text if _is_text(name) else _from_yaml(name, text)
    check_parameters({name: values[name] for name in values if name not in PARAMETERS})
    return values


def _is_text(name: str) -> bool:
    return name not in PARAMETERS or isinstance(PARAMETERS[name].default, str)


def _from_yaml(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise DataError(
            f"-p {name}={text}: the value is no YAML; lists are written [a, b], mappings {{a: b}}"
        ) from None


def _as_text(name: str, value: Any) -> Any:
    """Return a value, as text where YAML made a date or a number of what is meant as text."""
    from datetime import date

    return str(value) if name in PARAMETERS and _is_text(name) and isinstance(value, date | int) else value


def _yaml(value: object) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).removesuffix("\n...\n").strip()
    )


def comment(words: str) -> str:
    """Return words as a comment at the end of a line."""
    return f"  # {' '.join(words.split())}" if words else ""
