"""Order lines in segnb's own terms: a log is brought into shape batch by batch, its columns mean what ours mean."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis import _

from segnb.data.contract import CURRENCY, MISSING_MARKS, Faults, Reading, known, normal_form, numbers
from segnb.data.engines import check_numbers, engine_table, fetch, local_clock, scratch_folder
from segnb.data.reader import check_columns, check_sha256, column_names, file_kind, read_table, readable, row_batches
from segnb.errors import DataError
from segnb.init.guesses import OFFSET, pieces
from segnb.parameters import Parameters
from segnb.paths import find_file, is_file
from segnb.tables import LARGEST

WRITTEN = "written"
"""The zone of times that count as they are written."""

_FIRST = 200
"""So many rows tell which columns name currencies."""

_SPAN = date(1901, 1, 1), date(2099, 12, 31)
"""An earlier or later date, such as 9999-12-31, means that the date is unknown."""

_MONEY = {"amount", "quantity", "price", "total", "refunded", "discount"}
_KINDS = {"date": "date"} | dict.fromkeys(_MONEY, "number")
"""What a column holds, by its role, if not text."""

_ONCE = {"customer_id", "date", "total", "refunded"}
"""Roles of the columns that may stand on an order's first line only."""

LEFT_OUT = {
    "not_kept": "not kept by its value",
    "without_customer": "without a customer",
    "without_date": "without a date",
    "without_amount": "without an amount",
}
"""Why lines are left out, by what their number is called; the first reason that holds is a line's own."""

RETURN, USED = "returns and free lines", "used"
_REASONS = [*LEFT_OUT.values(), RETURN, USED]


def reason_is(*reasons: str) -> ibis.Deferred:
    """Return whether a line has one of these reasons: it holds their places in a list, by which engines group faster.

    Parameters
    ----------
    *reasons : str
        Of `LEFT_OUT`, `RETURN` or `USED`.
    """
    return _.reason.isin([_REASONS.index(each) for each in reasons])


def reasons_in_words(codes: pd.Series) -> pd.Series:
    """Return the reasons of lines as text."""
    return codes.map(dict(enumerate(_REASONS)))


def open_source(source: str, roles: Mapping[str, str], parameters: Parameters, backend: ibis.BaseBackend) -> ibis.Table:
    """Return a table of the engine, or a file as one; parquet whose columns are in shape stays where it is.

    Parameters
    ----------
    source : str
    roles : mapping of str to str
        The columns that must be there: `customer_id`, and those of `purchase_columns` by what they mean.
    parameters : Parameters
        `reading`, `only` and `engine` are used.
    backend : BaseBackend
        The connection to the engine.

    Raises
    ------
    DataError
        If the source or a column is missing, or what is in them cannot be read: see `shape_log`.
    """
    reading, key = parameters.reading, parameters.reading.get("fill", "")
    needed = {role if role == "customer_id" else f"purchase_columns {role}": name for role, name in roles.items()}
    kinds = {name: _KINDS.get(role, "text") for role, name in roles.items()}
    if is_file(source, parameters.engine):
        names = column_names(source, reading)
        check_columns(names, needed | ({"reading fill": key} if key else {}), source)
        rows = pd.DataFrame(columns=names)
        with suppress(DataError):  # what is wrong is told when all of it is read
            rows = read_table(source, reading=reading, most=_FIRST)
        told = _currencies(rows)
        more = [name for name in names if name in told or name in parameters.only]
        filled = more + [name for role, name in roles.items() if role in _ONCE]
        wanted = dict.fromkeys([*more, key] if key else more, "text") | kinds
        target = scratch_folder() / f"{ibis.util.gen_name('segnb')}.parquet"
        table = _file_table(shape_log(source, wanted, reading, target, filled), source, backend)
    else:
        table = engine_table(backend, source, parameters.engine)
        check_columns(table.columns, needed, source)
        check_numbers(table, source, [name for name, kind in kinds.items() if kind == "number"])
        told = _currencies(fetch(table.limit(_FIRST)))
    _check_one_currency(table, source, kinds, told)
    return table


def _file_table(path: Path, source: str, backend: ibis.BaseBackend) -> ibis.Table:
    with readable(source, "parquet"):
        if backend.name == "postgres":  # which reads no files: it gets a table for the session
            return backend.create_table(ibis.util.gen_name("segnb"), pq.read_table(path), temp=True)
        return backend.read_parquet(path)


def _check_one_currency(table: ibis.Table, source: str, kinds: Mapping[str, str], told: Sequence[str]) -> None:
    """Refuse amounts in several currencies, which no sum makes sense of; a table without amounts may name them."""
    texts = [name for name in told if kinds.get(name, "text") == "text"]
    for name in texts if "number" in kinds.values() else ():
        seen = fetch(table.select(name).distinct().limit(20))[name].dropna().astype(str).str.strip()
        found = sorted(set(seen) - set(MISSING_MARKS))
        if len(found) > 1:
            remedy = "bring the amounts to one currency and leave that column out"
            many = f"column {name!r} holds {len(found)} currencies ({', '.join(found)}), which cannot be added up"
            raise DataError(f"{source}: {many}; {remedy}")


def _currencies(rows: pd.DataFrame) -> list[str]:
    """Return the columns that are about the currency itself, by name or since their first rows hold nothing else."""
    words = {str(name): pieces(str(name)) for name in rows}
    named = {name for name, each in words.items() if "currency" in each and each[-1] in ("currency", "code")}
    texts = {name: rows[name].dropna().str.strip() for name in rows if pd.api.types.is_string_dtype(rows[name])}
    codes = {name for name, column in texts.items() if len(column) and column.str.fullmatch(CURRENCY).all()}
    return [name for name in words if name in named | codes]


def shape_log(
    source: str, kinds: Mapping[str, str], reading: Reading, target: Path, filled: Sequence[str] = ()
) -> Path:
    """Return a parquet file with the columns of a purchase log, its numbers numbers and its dates dates.

    That is the file itself if it is so already, otherwise `target`, written batch by batch: a log is never in memory
    as a whole.

    Parameters
    ----------
    source : str
        A text file, parquet or xlsx, in which the columns are.
    kinds : mapping of str to {"text", "number", "date"}
        The columns, and what is in them.
    reading : mapping of str to str
        How the file is written, see `segnb.data.read_table`; `dates` is the format of dates written as text
        (ISO 8601 by default), and with `zone` times may say how far from UTC they are; with `zone` "written" they
        count as they are written. With `fill` an empty cell has the value above it, within rows that have the same
        value in that column.
    target : Path
    filled : sequence of str
        The columns in which empty cells are filled so.

    Raises
    ------
    DataError
        If rows are ragged, numbers are none or beyond reason, or more than one in a thousand dates cannot be read:
        all faults are listed with their number and their first rows.
    """
    path, key = find_file(source), reading.get("fill", "")
    kind = file_kind(path, source)
    check_sha256(path, source, reading)
    if kind == ".parquet" and _in_shape(pq.read_schema(path), source, kinds) and not (reading.get("ids") or key):
        return path
    faults, writer = Faults(), None
    with readable(source, kind):
        batches = row_batches(source, kinds, reading, faults)
        for batch in _filled_down(batches, key, filled) if key else batches:
            shaped = pa.table({name: _shaped(batch, name, kinds[name], reading, faults) for name in kinds})
            writer = writer or pq.ParquetWriter(target, shaped.schema)
            writer.write_table(shaped)
    faults.check(source)
    if writer is None:
        raise DataError(f"{source}: no rows; a purchase log needs at least one order line")
    writer.close()
    return target


def _in_shape(schema: pa.Schema, source: str, kinds: Mapping[str, str]) -> bool:
    if nested := [repr(name) for name in kinds if pa.types.is_nested(schema.field(name).type)]:
        raise DataError(f"{source}: column {', '.join(nested)} holds lists or records; unfold it into columns")
    return all(_fits(schema.field(name).type, kind) for name, kind in kinds.items())


def _fits(found: pa.DataType, kind: str) -> bool:
    if kind == "number":
        return pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)
    return kind == "text" or pa.types.is_timestamp(found) or pa.types.is_date(found)


def _filled_down(batches: Iterator[pa.RecordBatch], key: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield batches in which an empty cell has the value above it, within rows of the same key."""
    columns, above = list(dict.fromkeys(columns)), pd.DataFrame()
    for batch in batches:
        rows = pd.concat([above, batch.to_pandas()])
        filled = rows[columns].replace("", None).groupby(rows[key], dropna=False).ffill()
        rows = rows.assign(**filled)
        yield pa.RecordBatch.from_pandas(rows[len(above) :], batch.schema, preserve_index=False)
        above = rows.tail(1)


def _shaped(batch: pa.RecordBatch, name: str, kind: str, reading: Reading, faults: Faults) -> pa.Array:
    column = batch.column(name)
    if kind == "text" and reading.get("ids") and not pa.types.is_integer(column.type):
        return normal_form(column.cast(pa.string()))
    if _fits(column.type, kind):
        return column
    text = known(pc.utf8_trim_whitespace(column.cast(pa.string())))
    found = numbers(text, reading) if kind == "number" else _moments(text, name, reading, faults)
    _note(faults, name, f"no {kind}", pc.and_(pc.is_valid(text), pc.is_null(found)), text)
    if kind == "number":
        _note(faults, name, "large", pc.greater(pc.abs(found), LARGEST), text)
    return found


def _note(faults: Faults, name: str, kind: str, there: pa.Array, text: pa.Array) -> None:
    """Take down the rows of a batch in which `there` is true."""
    there = pc.fill_null(there, False)
    faults.note(name, kind, pc.indices_nonzero(there).to_pylist(), text.filter(there).to_pylist())


def _moments(text: pa.Array, name: str, reading: Reading, faults: Faults) -> pa.Array:
    """Return dates and times, those that say how far from UTC they are as times of UTC."""
    written = reading.get("dates") or "ISO8601"
    if reading.get("zone") == WRITTEN:
        text = pc.replace_substring_regex(text, OFFSET, r"\1")
    elif not reading.get("zone"):
        told = pc.is_valid(text) if re.search("%[zZ]", written) else pc.match_substring_regex(text, OFFSET)
        _note(faults, name, "zone", told, text)
    try:
        days = pd.to_datetime(text.to_pandas(), format=written, errors="coerce", utc=True).dt.tz_localize(None)
    except ValueError as error:
        raise DataError(f"reading: dates={written!r}: {error}; write dates as in %d.%m.%Y, for instance") from None
    return pa.array(days.astype("datetime64[us]"), pa.timestamp("us"), from_pandas=True)


def standard_lines(log: ibis.Table, parameters: Parameters) -> ibis.Table:
    """Return the lines of a purchase log under segnb's own column names, what is not known in them missing.

    Parameters
    ----------
    log : ibis.Table
    parameters : Parameters
        `purchase_columns`, `customer_id`, `reading`, `only`, `returns` and `engine` are used.

    Returns
    -------
    ibis.Table
        `customer_id`, `order_id`, `day`, `amount`, `is_sale`, `reason` ("used", or why the line is left out), and where
        the log has them `product`, `category`, `discount`.
    """
    columns = parameters.purchase_columns
    if "total" in columns:
        order = columns["order"]
        log = log.left_join(log.group_by(order).agg(lines_of_order=_.count()), order).drop(f"{order}_right")
    log = _with_day(log, columns["date"], parameters)
    column = {role: log[name] for role, name in columns.items()}
    for role in _MONEY & set(column):
        column[role] = _known(column[role].cast("float64"))  # whole numbers would overflow
    amount = _known(_amount(log, column))
    sale = amount > 0
    if "quantity" in column:
        amount = (column["quantity"] < 0).ifelse(-amount.abs(), amount)
        sale = (amount > 0) & (column["quantity"] > 0).fill_null(True)
    known = log.segnb_day.between(*(ibis.literal(end) for end in _SPAN))
    day = known.ifelse(log.segnb_day, ibis.null("date"))
    found = {"customer_id": _id(log[parameters.customer_id]), "order_id": day, "day": day, "amount": amount}
    if "order" in column:
        found["order_id"] = _id(column["order"])
    reason = _reason(found, sale, _kept(log, parameters.only), parameters.returns)
    more = {role: text_id(column[role]) for role in ("product", "category") if role in column}
    if "discount" in column:
        more["discount"] = column["discount"].abs()
    return log.select(**found, is_sale=sale, reason=reason, **more)


def _kept(log: ibis.Table, only: Mapping[str, Sequence[str]]) -> ibis.Value:
    """Return whether a line has one of the values to keep in each column that is named and there."""
    told = {name: values for name, values in only.items() if name in log.columns}
    return ibis.and_(*(log[name].cast("string").fill_null("").isin(list(values)) for name, values in told.items()))


def _reason(found: Mapping[str, ibis.Value], sale: ibis.Value, kept: ibis.Value, returns: str) -> ibis.Value:
    """Return why a line is left out, or that it is used: see `reason_is`."""
    holds = [~kept, *(found[name].isnull() for name in ("customer_id", "day", "amount"))]
    reasons = [*zip(holds, LEFT_OUT.values()), *([(~sale, RETURN)] if returns == "exclude" else [])]
    codes = ((holds, _REASONS.index(words)) for holds, words in reasons)
    return ibis.cases(*codes, else_=_REASONS.index(USED)).cast("int8")


def _amount(log: ibis.Table, column: Mapping[str, ibis.Column]) -> ibis.Column:
    """Return what each line brought, less what was given back; an order's total is shared among its lines."""
    if "amount" in column:
        amount, lines = column["amount"], 1
    elif "total" in column:
        amount, lines = column["total"], log.lines_of_order.fill_null(1)
    else:
        amount, lines = column["quantity"] * column["price"], 1
    return (amount - column["refunded"].fill_null(0.0) if "refunded" in column else amount) / lines


def _known(column: ibis.Column) -> ibis.Column:
    """Return a column of floats, missing where it holds none."""
    return column.isnan().ifelse(ibis.null("float64"), column)


def _id(column: ibis.Column) -> ibis.Column:
    """Return an id as a whole number where it is one, which is counted faster, else as text."""
    kind = column.type()
    if kind.is_floating():
        column = _known(column.cast("float64"))
    return column.cast("int64") if kind.is_floating() or kind.is_integer() else column.cast("string").nullif("")


def text_id(column: ibis.Column) -> ibis.Column:
    """Return an id as text."""
    return _id(column).cast("string")


def _with_day(log: ibis.Table, name: str, parameters: Parameters) -> ibis.Table:
    """Return the log with `segnb_day`, as counted where `zone` is if the log's times are moments of UTC.

    A clock elsewhere is asked once for each minute that occurs and not for each line, since it takes its time.
    """
    column, kind, reading = log[name], log[name].type(), parameters.reading
    if kind.is_date():
        return log.mutate(segnb_day=column).view()
    if not kind.is_timestamp():
        text = column.cast("string").nullif("")
        column = text.as_timestamp(reading["dates"]) if reading.get("dates") else text.cast("timestamp")
    zone = reading.get("zone", WRITTEN)
    if zone == WRITTEN:
        return log.mutate(segnb_day=column.date()).view()
    log = log.mutate(segnb_minute=column.cast("timestamp").truncate("m")).view()
    minutes = log.select("segnb_minute").distinct().view()
    days = minutes.mutate(segnb_day=local_clock(minutes.segnb_minute, zone, parameters.engine).date()).view()
    return log.left_join(days, "segnb_minute").drop("segnb_minute", "segnb_minute_right").view()


def check_whole(log: ibis.Table, ids: list[str], source: str) -> None:
    """Refuse ids with fractions, since two of them would become one."""
    for name in (name for name in ids if log[name].type().is_floating()):
        if broken := fetch(log.agg(count=log.count(where=_known(log[name].cast("float64")) % 1 != 0)))["count"][0]:
            raise DataError(f"{source}: column {name!r} holds {broken:,} numbers with fractions, which can't be ids")
