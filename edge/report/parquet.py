"""Table of Parquet: the columns of the CSV, then those of our own record (extra `tables`)."""

import io
from collections.abc import Sequence
from typing import Any

from edge.contract.errors import MissingPackageError
from edge.report.birdnet import CSV_COLUMNS
from edge.report.row import Row

_OWN = ("id", "species_id", "score", "similarity", "hits", "hits_needed", "channel")
_OWN_TEXTS = ("root", "source", "volume", "model_id", "bundle")


def to_parquet(rows: Sequence[Row]) -> bytes:
    """A whole file.

    Raises:
        MissingPackageError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingPackageError(
            "parquet: needs pyarrow: pip install 'birdlisten[tables]' (or pip install pyarrow)"
        ) from error
    table = pa.table(_columns(rows), schema=pa.schema(_schema(pa)))
    with io.BytesIO() as file:
        parquet.write_table(table, file)
        return file.getvalue()


def _schema(pa: Any) -> list[tuple[str, Any]]:
    number, text, count = pa.float64(), pa.string(), pa.int64()
    kinds = (number, number, text, text, number, text)
    own = (text, text, number, number, count, count, count)
    return [
        *zip(CSV_COLUMNS, kinds, strict=True),
        ("detected_at", pa.timestamp("ms", "UTC")),
        ("latitude", number),
        ("longitude", number),
        *zip(_OWN, own, strict=True),
        *((name, text) for name in _OWN_TEXTS),
        ("verdict", text),
    ]


def _columns(rows: Sequence[Row]) -> dict[str, list[object]]:
    records = [row.record for row in rows]
    begin, end, scientific, common, confidence, path = CSV_COLUMNS
    return {
        begin: [record.start_s for record in records],
        end: [record.end_s for record in records],
        scientific: [record.scientific_name for record in records],
        common: [record.common_name for record in records],
        confidence: [round(row.record.confidence, 4) for row in rows],
        path: [row.path for row in rows],
        "detected_at": [row.moment for row in rows],
        **{
            name: [getattr(record, name) for record in records]
            for name in ("latitude", "longitude", *_OWN, *_OWN_TEXTS)
        },
        "verdict": [None if row.verdict is None else row.verdict[0] for row in rows],
    }
