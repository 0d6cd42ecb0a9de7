"""Runs the plain functions of `ingest` on a schedule, with Prefect, which no other package imports.

Prefect reads the environment when it is imported, so this sets it first: its files go to DREAMS_HOME/prefect, and it
sends no telemetry. Variables that are already set stay.
"""

import os

from memories.home import FOLDER_MODE, home

HOME = home().resolve() / "prefect"
HOME.mkdir(mode=FOLDER_MODE, exist_ok=True)

for name, value in {
    "PREFECT_HOME": str(HOME),
    "PREFECT_LOGGING_EXTRA_LOGGERS": "ingest,memories",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The newer UI asks Amplitude for its settings even where analytics are off.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "DO_NOT_TRACK": "1",
}.items():
    os.environ.setdefault(name, value)
