"""Parameters shared by several commands."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reference = Annotated[str, typer.Argument(help="The memory's id, or at least its first six characters.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", help="A parameter: name=value; may be repeated.")]
# Introduces the example that ends the help of every command.
EXAMPLE = "\n\nExample: "
# The exit code of a question that the memories do not answer.
NOT_RECORDED = 4
