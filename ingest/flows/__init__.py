"""Prefect over the plain functions of `ingest`; nothing else imports it.

Prefect reads the environment as it is imported: its files lie in DREAMS_HOME/prefect, and it reports to nobody. What
the environment says already holds.
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
