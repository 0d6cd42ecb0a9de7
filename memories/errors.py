"""The exceptions of Codex Dreams; every message says in one sentence what to do.

DreamsError
├── InputError            what was given is wrong: a file, a line, an option (exit code 2)
│   ├── NotFound          no memory has that id
│   ├── ContentTaken      another memory says exactly that
│   ├── NotListed         the search that is said to have listed a memory did not
│   ├── HomeUnsuitable    DREAMS_HOME is no folder of one's own
│   └── SourceError       a source file cannot be read
├── StoreError            Postgres
│   ├── StoreUnreachable  no connection
│   ├── StoreUnsuitable   too old, no pgvector, or not a table of Codex 2.1 or later
│   └── CycleInProgress   another process holds the cycle lock
├── CacheLocked           another process holds the DuckDB file, or writes the lexical index
├── CacheUnwritable       the lexical index or the DuckDB file cannot be written
├── ModelError            the sidecar or Ollama
│   └── ModelUnreachable  no connection
├── ScheduleError         the schedules cannot be served
└── CycleFailed           a stage of a dream cycle failed; the last complete cycle stays visible
    └── RebuildDiffers    the DuckDB file is not what a full rebuild gives
"""


class DreamsError(Exception):
    """Base of every error that a user can do something about."""

    exit_code = 1


class InputError(DreamsError):
    exit_code = 2


class NotFound(InputError):
    pass


class ContentTaken(InputError):
    pass


class NotListed(InputError):
    pass


class HomeUnsuitable(InputError):
    pass


class SourceError(InputError):
    pass


class StoreError(DreamsError):
    pass


class StoreUnreachable(StoreError):
    pass


class StoreUnsuitable(StoreError):
    pass


class CycleInProgress(StoreError):
    pass


class CacheLocked(DreamsError):
    pass


class CacheUnwritable(DreamsError):
    pass


class ModelError(DreamsError):
    pass


class ModelUnreachable(ModelError):
    pass


class ScheduleError(DreamsError):
    pass


class CycleFailed(DreamsError):
    pass


class RebuildDiffers(CycleFailed):
    pass
