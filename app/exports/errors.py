"""Refusals about exports."""

from __future__ import annotations

from app.kit.errors import Conflict, Malformed


class UnknownFormat(Malformed):
    code, title = "unknown_format", "There is no such format"


class BadOptions(Malformed):
    code, title = "export_options", "These export settings cannot be used"


class ParquetMissing(Conflict):
    code, title = "parquet_missing", "Parquet needs pyarrow; install soundings[parquet], or choose jsonl"


class FolderInUse(Conflict):
    code, title = "folder_in_use", "The folder holds something other than an export"
