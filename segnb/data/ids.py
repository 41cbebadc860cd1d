"""Ids of customers: two that look the same are two customers, unless a person says otherwise."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from segnb.errors import DataError
from segnb.row_log import Rule

NORMALISE = "normalise"


def check_ids_choice(reading: dict[str, str]) -> bool:
    """Return whether ids are to be normalised, as `reading: {ids: normalise}` says.

    Raises
    ------
    DataError
        If it says anything else.
    """
    choice = reading.get("ids", "")
    if choice not in ("", NORMALISE):
        raise DataError(
            f"reading: ids={choice!r}; the only choice is {NORMALISE!r}, leave it out to keep ids as they are"
        )
    return bool(choice)


def normalised(ids: pd.Series) -> pd.Series:
    """Return ids without blanks at their ends and with every accented letter as one character (NFC).

    >>> normalised(pd.Series(["A1 ", "e\u0301"])).tolist()
    ['A1', 'é']
    """
    plain = normal_form(pa.array(ids, pa.string(), from_pandas=True))
    return pd.Series(plain.to_pandas().to_numpy(), ids.index, dtype="str", name=ids.name)


def normal_form(text: pa.Array) -> pa.Array:
    """Return texts as `normalised` does."""
    return pc.utf8_normalize(pc.utf8_trim_whitespace(text), form="NFC")


def alike_rule(ids: pd.Index) -> list[Rule]:
    """Return a line for the row log if ids differ in blanks or in how accents are written only."""
    if not pd.api.types.is_string_dtype(ids):
        return []
    plain = normal_form(pa.array(ids, pa.string(), from_pandas=True)).drop_null()
    times = plain.value_counts().field("counts")
    alike = int(pc.sum(times.filter(pc.greater(times, 1))).as_py() or 0)
    note = f"kept apart; reading: {{ids: {NORMALISE}}} takes them for one"
    rule = Rule("ids that differ in blanks or accents only", "customers", len(ids), alike, len(ids), note)
    return [rule] if alike else []
