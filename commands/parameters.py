"""Parameters that several commands have."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reference = Annotated[str, typer.Argument(help="Its id, or the first six or more characters.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", help="A parameter: name=value; may be repeated.")]
# Before the example that ends the help of every command.
EXAMPLE = "\n\nExample: "
