"""The exceptions of Codex Dreams. Every message is one sentence that says what to do.

DreamsError
├── InputError            invalid input: a file, a line, an option (exit code 2)
│   ├── NotFound          no memory has that id
│   ├── ContentTaken      another memory has exactly this content
│   ├── NotListed         the given search did not list the memory
│   ├── HomeUnsuitable    DREAMS_HOME is not a usable, private folder
│   └── SourceError       a source file cannot be read
├── StoreError            Postgres
│   ├── StoreUnreachable  no connection
│   ├── StoreUnsuitable   server too old, no pgvector, or public.memories is not from Codex 2.1 or later
│   └── CycleInProgress   another process holds the cycle lock
├── CacheLocked           another process holds the DuckDB file or is writing the lexical index
├── CacheUnwritable       the lexical index or the DuckDB file cannot be written
├── ModelError            the sidecar or Ollama
│   └── ModelUnreachable  no connection
├── ScheduleError         the scheduler or its web interface cannot run
└── CycleFailed           a stage of a dream cycle failed; the last complete cycle stays visible
    └── RebuildDiffers    the DuckDB file differs from a full rebuild
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
