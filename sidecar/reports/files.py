"""Writes reports into files that their owner alone can read."""

import os
from pathlib import Path

from memories.errors import InputError
from memories.home import FILE_MODE
from memories.instant import day, in_zone
from memories.kept_reports import folder
from sidecar.reports.html import html
from sidecar.reports.markdown import markdown
from sidecar.reports.report import Report


def write(file: Path, text: str) -> None:
    """Writes a file in place of any old one, whole or not at all. Raises InputError when it cannot be written."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as target:
                target.write(text.encode())
                target.flush()
                os.fsync(target.fileno())
            unfinished.rename(file)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}): name another file") from error


def keep(report: Report) -> tuple[Path, Path]:
    """Keeps the report on a week in DREAMS_HOME/reports, as Markdown and as HTML; returns both files."""
    name = f"week-{day(in_zone(report.as_of))}"
    files = folder() / f"{name}.md", folder() / f"{name}.html"
    for file, text in zip(files, (markdown(report), html(report)), strict=True):
        write(file, text)
    return files
