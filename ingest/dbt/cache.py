"""Manages the DuckDB file that dbt computes in: a cache of one version of the models, which each cycle continues."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import duckdb

from ingest.dbt.project import code_version
from memories.errors import CacheLocked, CacheUnwritable, CycleFailed
from memories.home import close, home


def install_extension() -> Path:
    """Copies DuckDB's postgres extension from its wheel to the folder that profiles.yml names; returns that folder.

    Raises CycleFailed when the wheel is not installed.
    """
    folder = home() / "duckdb_extensions"
    package = find_spec("duckdb_extension_postgres_scanner")
    if package is None or package.origin is None:
        raise CycleFailed("the package duckdb-extension-postgres-scanner is not installed: run `make install`")
    platform = duckdb.sql("pragma platform").fetchall()[0][0]
    wheel = Path(package.origin).parent / "extensions" / f"v{duckdb.__version__}" / "postgres_scanner.duckdb_extension"
    target = folder / f"v{duckdb.__version__}" / platform / wheel.name
    if not target.exists() or target.stat().st_size != wheel.stat().st_size:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(f".{os.getpid()}")
        shutil.copyfile(wheel, unfinished)
        unfinished.replace(target)
    return folder


def check_free(cache: Path) -> None:
    """Raises CacheLocked when another process holds the DuckDB file, CacheUnwritable when DuckDB cannot use it."""
    if not cache.exists():
        return
    close(cache)
    try:
        duckdb.connect(str(cache)).close()
    except duckdb.Error as error:
        if "lock" in str(error):
            raise CacheLocked(
                f"another program has {cache} open: close it and run again (Postgres has the same tables, in schema"
                " dreams)"
            ) from error
        raise CacheUnwritable(f"DuckDB cannot use {cache}: remove it, and the next run computes it again") from error


def copy_cache(cache: Path, target: Path) -> None:
    """Copies the DuckDB file and its version file, if they exist. Raises CacheLocked as `check_free` does."""
    check_free(cache)
    for file in (cache, _version_file(cache)):
        if file.exists():
            shutil.copyfile(file, _version_file(target) if file != cache else target)


def discard_outdated(cache: Path) -> None:
    """Removes a DuckDB file that another version of the models computed."""
    if cache.exists() and (not _version_file(cache).exists() or _version_file(cache).read_text() != code_version()):
        cache.unlink()


def record_version(cache: Path) -> None:
    """Writes beside a DuckDB file which version of the models computed it."""
    _version_file(cache).write_text(code_version())


def _version_file(cache: Path) -> Path:
    return cache.with_suffix(cache.suffix + ".version")
