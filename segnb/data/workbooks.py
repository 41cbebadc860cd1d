"""Tables in the sheets of a workbook."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from segnb.data.text_files import MISSING_MARKS, check_twice
from segnb.errors import DataError
from segnb.paths import find_file


def read_workbook(
    path: Path, source: str, id_columns: Sequence[str], reading: Mapping[str, str], most: int | None
) -> pd.DataFrame:
    """Return a sheet of a workbook, with ids as text and the same marks for missing values as in a text file."""
    names = workbook_header(path, source, reading)
    missing = {name: [""] if name in id_columns else MISSING_MARKS for name in names}
    ids = dict.fromkeys(id_columns, str)
    sheet = _sheet(path, source, reading)
    return pd.read_excel(path, sheet, dtype=ids, nrows=most, keep_default_na=False, na_values=missing)


def workbook_header(path: Path, source: str, reading: Mapping[str, str]) -> list[str]:
    """Return the names of the columns, each of which may stand there once: pandas would call a second x `x.1`."""
    sheet = _sheet(path, source, reading)
    written = pd.read_excel(path, sheet, header=None, nrows=1, dtype=object)
    check_twice([name for row in written.to_numpy() for name in row if not pd.isna(name)], source)
    return list(pd.read_excel(path, sheet, nrows=0))


def sheet_names(source: str) -> list[str]:
    """Return the names of the sheets of a workbook, in their order."""
    try:
        with pd.ExcelFile(find_file(source)) as book:
            return [str(name) for name in book.sheet_names]
    except Exception as error:
        raise DataError(f"{source}: cannot be read as .xlsx: {' '.join(str(error).split())}") from None


def _sheet(path: Path, source: str, reading: Mapping[str, str]) -> str | int:
    """Return which sheet to read, the first unless another is named."""
    wanted = reading.get("sheet")
    if wanted and wanted not in (there := sheet_names(str(path))):
        raise DataError(f"{source}: no sheet {wanted!r}; the sheets are {', '.join(there)}")
    return wanted or 0
