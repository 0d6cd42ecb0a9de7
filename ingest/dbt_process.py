"""dbt as a child process, which a killed cycle does not leave behind with the DuckDB file. Started by `ingest.dbt`.

What dbt would write of the whole project takes it seconds; what each model took, in seconds, is written here instead.
"""

import json
import sys
from pathlib import Path

from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner

from ingest.child import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    file, *arguments = sys.argv[1:]
    outcome = dbtRunner().invoke(arguments)
    if outcome.exception is not None:
        sys.exit(f"{type(outcome.exception).__name__}: {outcome.exception}")
    if not outcome.success or not isinstance(outcome.result, RunExecutionResult):
        sys.exit(1)
    Path(file).write_text(json.dumps({run.node.name: run.execution_time for run in outcome.result.results}))
