"""Parquet files: columns with names and types."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.files import ARRAY_LIMIT, counted, quoted, reading, refuse, size_of, unpacked_limit
from nnlab.data.tables.decimals import LARGEST_INTEGER, number_in
from nnlab.data.tables.kinds import Findings, as_key
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.table import Grid, TypedColumn
from nnlab.data.tables.typed import GridAt, ignored_columns, needed_package, refuse_text_keys
from nnlab.errors import printable

_MOST_CELLS = 2**27  # as many as a text file of the largest size can have


def open_parquet(path: Path, options: TableOptions, findings: Findings, expected: Collection[str]) -> GridAt:
    """The table in a Parquet file. DataError for columns of lists or of other nested types, unless they are ignored."""
    if not expected:
        refuse_text_keys(path, options, ("separator", "header", "names"))
    packed, arrow = size_of(path), needed_package(path, "pyarrow", "pyarrow", "parquet")
    with reading(path), path.open("rb") as file, _as_faults(path, arrow):
        schema, rows, columns = _read(file, arrow, packed, path)
        typed = [_typed(arrow, column, place) for place, column in enumerate(columns, 1)]
    used = expected or {field.name for field in schema} - ignored_columns(options)
    for field, column in zip(schema, typed, strict=True):
        if column is None and field.name in used:
            found = f"found column {quoted(field.name)} of type {printable(str(field.type)[:60])}"
            cure = f"columns: {{{as_key(field.name)}: ignore}} leaves it out"
            findings.faults.add(f"{found}, expected numbers, texts, dates or times; {cure}")
    findings.faults.raise_if_any()
    if any(arrow.types.is_duration(field.type) for field in schema):
        findings.notes.append("durations are read as hours")
    known = [column or _blank(place, rows) for place, column in enumerate(typed, 1)]
    index = _index_of_pandas(schema)
    names = ["" if field.name in index and not index[field.name] else field.name.strip() for field in schema]
    order = sorted(range(len(names)), key=lambda i: schema.names[i] not in index)
    return partial(_grid, path, [names[i] for i in order], [known[i] for i in order])


def _index_of_pandas(schema: Any) -> dict[str, str]:
    """The columns that are the index of a pandas table, each with its name or "".

    Pandas writes them behind the others, where the last is the target. In a text file they stand first, without a name
    if the index has none; so they are read here. An index that only counts the rows is no column.
    Source: the pandas developer documentation, "Storing pandas DataFrame objects in Apache Parquet format".
    """
    try:
        said = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        names = {column["field_name"]: column["name"] for column in said["columns"]}
        return {name: str(names[name] or "").strip() for name in said["index_columns"] if isinstance(name, str)}
    except (ValueError, TypeError, LookupError, RecursionError):
        return {}  # a note of pandas that cannot be read says nothing


def _blank(place: int, rows: int) -> TypedColumn:
    return TypedColumn(place, np.full(rows, np.nan), np.zeros(rows, np.int32), ("",))


def _grid(path: Path, names: Sequence[str], columns: Sequence[TypedColumn], point: str) -> Grid:
    lines = np.arange(1, len(columns[0].numbers) + 1)
    return Grid(path, names, [column.column(point) for column in columns], lines, list, point, is_named=True)


# --- the file ---------------------------------------------------------------------------------------------------------


def _read(file: IO[bytes], arrow: Any, packed: int, path: Path) -> tuple[Any, int, list[Any]]:
    """The schema of a file, its number of rows, and its columns; None for a column that is no column of a table.

    Of texts, the different ones and their indices are read: a file may be much smaller than its texts one by one.
    """
    parquet = needed_package(path, "pyarrow.parquet", "pyarrow", "parquet")
    opened = parquet.ParquetFile(file)
    schema, rows = opened.schema_arrow, opened.metadata.num_rows
    if not len(schema) or not rows:
        refuse(path, f"found {counted(len(schema), 'column')} and no rows, expected at least one of both")
    _check_sizes(opened.metadata, packed, path)
    texts = [field.name for field in schema if _reader_of(arrow, field.type) is _texts]
    flat = [field.name for field in schema if _reader_of(arrow, field.type)]
    table = parquet.ParquetFile(file, read_dictionary=texts, page_checksum_verification=True).read(
        columns=flat, use_threads=False
    )
    if table.column_names != flat or (flat and table.num_rows != rows):
        refuse(path, f"found columns other than the file announces, expected {', '.join(map(quoted, flat[:8]))}")
    found = iter(table.columns)
    return schema, rows, [next(found) if _reader_of(arrow, field.type) else None for field in schema]


def _check_sizes(metadata: Any, packed: int, path: Path) -> None:
    """Refuse a file that promises more than is read into memory."""
    cells = metadata.num_rows * metadata.num_columns
    if cells > _MOST_CELLS:
        refuse(path, f"found {cells:,} cells, expected at most {_MOST_CELLS:,} (store a larger set as .npz)")
    limit = min(ARRAY_LIMIT, unpacked_limit(packed))
    if sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)) > limit:
        refuse(path, f"found more than {limit // 2**20} MiB, unpacked, expected less (store a larger set as .npz)")


@contextmanager
def _as_faults(path: Path, arrow: Any) -> Iterator[None]:
    try:
        yield
    except (arrow.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        words = printable(str(error).strip().partition("\n")[0][:200])
        refuse(path, f"found no sound .parquet file ({words}), expected one")


# --- columns ----------------------------------------------------------------------------------------------------------

Read = Callable[[Any, Any, int], TypedColumn]  # of the package, a column of it, and its place


def _reader_of(arrow: Any, kind: Any) -> Read | None:
    """How columns of a type are read; None if it is none that a table has."""
    kind = kind.value_type if arrow.types.is_dictionary(kind) else kind
    return next((read for name, read in _READERS.items() if getattr(arrow.types, name)(kind)), None)


def _typed(arrow: Any, column: Any, place: int) -> TypedColumn | None:
    """A column by its type; None if it is none of a table, and for bytes that are no text."""
    read = _reader_of(arrow, column.type) if column is not None else None
    try:
        return read(arrow, column, place) if read else None
    except UnicodeDecodeError:
        return None


def _texts(arrow: Any, column: Any, place: int) -> TypedColumn:
    """Texts without the blanks around them; nulls are blank."""
    encoded = column if arrow.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks()
    of_file = [*map(_text, encoded.dictionary.to_pylist()), ""]
    codes = encoded.indices.cast(arrow.int64()).fill_null(len(of_file) - 1).to_numpy()
    if len(codes) and not 0 <= codes.min() <= codes.max() < len(of_file):
        raise ValueError("a text beyond the column's dictionary")  # of a damaged file
    index: dict[str, int] = {}
    by_code = np.zeros(len(of_file), np.int32)
    for code in np.unique(codes).tolist():
        by_code[code] = index.setdefault(of_file[code], len(index))
    return TypedColumn(place, np.full(len(codes), np.nan), by_code[codes], tuple(index))


def _text(word: str | bytes | None) -> str:
    return (word.decode() if isinstance(word, bytes) else word or "").strip()


def _as_written(arrow: Any, column: Any, place: int) -> TypedColumn:
    """Cells as a text file has them."""
    return _texts(arrow, column.cast(arrow.string()), place)


def _moments(arrow: Any, column: Any, place: int) -> TypedColumn:
    """Moments in UTC, or dates alone if all are at midnight."""
    zone = column.type.tz and "UTC"
    column = column.cast(arrow.timestamp(column.type.unit, zone))
    kinds = [arrow.date32(), *(arrow.timestamp(unit, zone) for unit in _TICKS)]
    return _as_written(arrow, _coarsest(column, kinds), place)


def _times(arrow: Any, column: Any, place: int) -> TypedColumn:
    """Times of day, without a fraction of a second if none has one."""
    return _as_written(arrow, _coarsest(column, [arrow.time32("s"), arrow.time32("ms"), arrow.time64("us")]), place)


def _coarsest(column: Any, kinds: Iterable[Any]) -> Any:
    """The column in the first type that keeps all of its values."""
    casts = (column.cast(kind, safe=False) for kind in kinds)
    return next((cast for cast in casts if cast.cast(column.type).equals(column)), column)


def _hours(arrow: Any, column: Any, place: int) -> TypedColumn:
    """Durations as hours."""
    found = _floats(arrow, column.cast(arrow.int64()), place)
    return replace(found, numbers=found.numbers / (3600 * _TICKS[column.type.unit]))


_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # of a second


def _floats(arrow: Any, column: Any, place: int) -> TypedColumn:
    """Floats; NaN is blank, since a column of floats has no other blank, and infinities are texts."""
    values = column.cast(arrow.float64(), safe=False).fill_null(np.nan).to_numpy()
    return _numbers(values, np.isnan(values), np.isinf(values), place)


def _integers(_arrow: Any, column: Any, place: int) -> TypedColumn:
    """Integers; those beyond 2^53 are texts, since they would lose digits."""
    values = column.fill_null(0).to_numpy()
    is_large = values > LARGEST_INTEGER
    if values.dtype.kind == "i":
        is_large |= values < -LARGEST_INTEGER
    return _numbers(values, column.is_null().to_numpy(), is_large, place)


def _numbers(values: NDArray[Any], blank: NDArray[np.bool_], is_text: NDArray[np.bool_], place: int) -> TypedColumn:
    others = np.flatnonzero(blank | is_text)
    index: dict[str, int] = {}
    codes = np.full(len(values), -1, np.int32)
    codes[others] = [index.setdefault("" if blank[i] else str(values[i]), len(index)) for i in others.tolist()]
    return TypedColumn(place, values.astype(np.float64), codes, tuple(index))


def _decimals(arrow: Any, column: Any, place: int) -> TypedColumn:
    """Decimals by their texts; integers beyond 2^53 stay texts."""
    found = _as_written(arrow, column, place)
    numbers = np.array([number_in(text) for text in found.texts])[found.codes]
    return replace(found, numbers=numbers, codes=np.where(np.isnan(numbers), found.codes, np.int32(-1)))


# How columns are read, by the test of `pyarrow.types` for their type.
_TEXT_TESTS = ("is_string", "is_large_string", "is_binary", "is_large_binary")
_READERS: Mapping[str, Read] = {
    **dict.fromkeys(_TEXT_TESTS, _texts),
    "is_integer": _integers,
    "is_floating": _floats,
    "is_decimal": _decimals,
    "is_null": _as_written,
    "is_boolean": _as_written,
    "is_date": _as_written,
    "is_time": _times,
    "is_timestamp": _moments,
    "is_duration": _hours,
}
