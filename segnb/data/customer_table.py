"""The customer table that a person brings: read, held to its contract, indexed by the customer's id."""

import re
from collections.abc import Mapping

import pandas as pd

from segnb.data.contract import alike_rule, check_contract, classes_rule
from segnb.data.engines import connect, engine_table, fetch
from segnb.data.tables import check_columns, check_table, ids_as_text, read_table
from segnb.data.text_files import cut_rule
from segnb.errors import DataError
from segnb.init.guesses import guess_id
from segnb.parameters import PARAMETERS, Parameters
from segnb.paths import is_file
from segnb.tables import Rule


def read_customers(parameters: Parameters) -> tuple[pd.DataFrame, list[Rule]]:
    """Return the customer table indexed by id, sorted by it, and the rules it went through.

    Raises
    ------
    DataError
        As `load_customers`.
    """
    source, id_column = parameters.customers, parameters.customer_id
    reading = {key: value for key, value in parameters.reading.items() if key != "sha256" or not parameters.purchases}
    table = _read_source(source, id_column, reading, parameters.engine)
    rules = cut_rule(source, "customers", len(table)) if is_file(source, parameters.engine) else []
    if _has_no_id(table, parameters):
        _check_id_like(table, source)
        check_contract(table, source)
        rules += classes_rule(table)
        table.index = pd.RangeIndex(1, len(table) + 1, name="row")
        note = f"no column {id_column!r}"
        return table, [*rules, Rule("row number taken as id", "customers", len(table), 0, len(table), note)]
    check_columns(table.columns, {"customer_id": id_column}, source)
    table = ids_as_text(table, id_column)
    unique = table.drop_duplicates()
    check_contract(unique, source, id_column)
    rule = Rule("exact duplicate rows dropped", "customers", len(table), len(table) - len(unique), len(unique))
    rules += classes_rule(unique.drop(columns=id_column))
    rules += alike_rule(pd.Index(unique[id_column]))
    return unique.set_index(id_column).sort_index(), [*rules, rule]


def has_ids(table: pd.DataFrame | pd.Series) -> bool:
    """Return whether customers are indexed by ids, which are text, and not by row numbers."""
    return not pd.api.types.is_integer_dtype(table.index)


def _read_source(source: str, id_column: str, reading: Mapping[str, str], engine: str) -> pd.DataFrame:
    """Return a file, or a table of the engine with its id as text."""
    if is_file(source, engine):
        return read_table(source, [id_column], reading)
    table = engine_table(connect(engine), source, engine)
    texts = {id_column: table[id_column].cast("string")} if id_column in table.columns else {}
    return check_table(fetch(table.mutate(**texts)), source)


def _check_id_like(table: pd.DataFrame, source: str) -> None:
    """Refuse a column of distinct whole numbers that is called an id: k-means would take it for a behaviour."""
    guess = guess_id(table, unique=True)
    for name in table.select_dtypes("integer"):
        called_id = re.fullmatch(r"(?i:(.*[_ .-])?id|customerid|userid|clientid|unnamed: 0)|.*[a-z]ID", name)
        if table[name].is_unique and (called_id or (guess and guess.column == name)):
            raise DataError(
                f"{source}: column {name!r} looks like the customer's id; say customer_id={name}, or rename it"
            )


def _has_no_id(table: pd.DataFrame, parameters: Parameters) -> bool:
    untouched = parameters.customer_id in ("", PARAMETERS["customer_id"].default)
    return untouched and not parameters.purchases and parameters.customer_id not in table
