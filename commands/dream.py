"""Commands for the dream cycle and its steps: embed, annotate, run, fit, write-back."""

from typing import Annotated

import typer

from commands.parameters import EXAMPLE, AsJson, Assignments
from commands.terminal import bar, complain, instant, say, show, show_table, status, steps, values
from memories.errors import InputError

app = typer.Typer()


@app.command(help="Compute a vector for every memory that has none." + EXAMPLE + "dreams embed")
def embed(as_json: AsJson = False) -> None:
    from ingest.vectors.embed import count_waiting
    from ingest.vectors.embed import embed as embed_memories
    from ingest.vectors.embed_tags import embed_tags
    from ingest.vectors.reduce import reduce
    from memories.embedding.servers import models
    from memories.postgres.database import connect
    from memories.settings import settings

    model = settings().embedding_model
    with connect(autocommit=True) as connection:
        waiting = count_waiting(connection, model)
        outcome: dict[str, object] = {"embedded": 0, "failed": 0}
        if waiting:
            with models() as client, bar("embedding", waiting) as advance:
                done = embed_memories(connection, client, model, advance)
                embed_tags(connection, client, model)
            reduce(connection, model)
            outcome = {"embedded": done.embedded, "failed": done.failed}
    show(outcome, as_json, f"{outcome['embedded']} memories embedded, {outcome['failed']} failed.")


@app.command(
    help="Annotate what each memory is about: by rules, and by ANNOTATION_MODEL if it is set."
    + EXAMPLE
    + "dreams annotate"
)
def annotate(as_json: AsJson = False) -> None:
    from ingest.annotation.annotate import annotate_chat, annotate_rules
    from ingest.settings import settings
    from memories.embedding.servers import models
    from memories.postgres.database import connect

    model = settings().annotation_model
    with connect(autocommit=True) as connection, bar("annotating", None) as advance:
        outcome = annotate_rules(connection, advance)
        if model is not None:
            with models() as client:
                answered = annotate_chat(connection, client, model, advance)
            outcome.annotated += answered.annotated
            outcome.quarantined += answered.quarantined
    show(
        {"annotated": outcome.annotated, "quarantined": outcome.quarantined},
        as_json,
        f"{outcome.annotated} annotated, {outcome.quarantined} answers in quarantine.",
    )


@app.command(help="Dream: embed, annotate, run dbt, write back, and report what was found." + EXAMPLE + "dreams run")
def run(
    as_of: Annotated[
        str | None, typer.Option(help="Compute for another instant (ISO 8601); publishes nothing.")
    ] = None,
    full_refresh: Annotated[bool, typer.Option(help="Recompute everything.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Report how many rows would change, and publish nothing.")] = False,
    stage: Annotated[str, typer.Option(help="working_memory, short_term, consolidation or long_term.")] = "long_term",
    parameter: Assignments = None,
    wait: Annotated[bool, typer.Option(help="Wait while another cycle runs.")] = False,
    as_json: AsJson = False,
) -> None:
    from ingest.cycle.run import run_cycle
    from ingest.publishing.marts import STAGES
    from memories.postgres.database import connect
    from memories.postgres.migrate import migrate
    from memories.views.overview import findings, next_questions

    if stage not in STAGES:
        raise InputError(f"there is no stage {stage!r}: use one of {', '.join(STAGES)}")
    migrate()
    with steps("dreaming") as (on_step, on_done):
        cycle = run_cycle(
            stage,
            as_of=instant(as_of) if as_of else None,
            full_refresh=full_refresh,
            dry_run=dry_run,
            overrides=values(parameter or []),
            wait=wait,
            on_step=on_step,
            on_done=on_done,
        )
    if as_json:
        show(cycle.as_dict(), as_json, "")
    elif cycle.published:
        with connect() as connection:
            for line in findings(connection):
                say(line)
            say(f"\n{sum(cycle.rows_changed.values())} rows changed in {sum(cycle.seconds.values()):.1f} s. Try next")
            for question in next_questions(connection):
                say(f"  {question}")
    else:
        say(f"As of {cycle.as_of.isoformat(timespec='minutes')}; nothing was published.")
        rows = [[name, count, cycle.rows_changed.get(name, 0)] for name, count in cycle.row_counts.items()]
        show_table(["table", "rows", "would_change"], rows)
    if cycle.problem:
        complain(f"{cycle.problem}; this cycle used no model")
        raise typer.Exit(1)
    if cycle.embedding_failures:
        complain(f"{cycle.embedding_failures} memories could not be embedded; the next run tries them again.")


@app.command(
    help="Fit the forgetting curve to your own reviews; kept only if it predicts held-out memories better."
    + EXAMPLE
    + "dreams fit"
)
def fit(
    reset: Annotated[bool, typer.Option(help="Go back to the default parameters.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from ingest.fitting import fit as fitting
    from ingest.fitting import fitted
    from memories.postgres.database import connect
    from memories.postgres.migrate import migrate

    migrate()
    if reset:
        with connect() as connection:
            fitted.reset(connection)
        show({"kept": False}, as_json, "The next cycle uses the project's own parameters.")
        return
    with status("fitting to your reviews, which takes minutes if there are many"):
        found = fitting.fit()
    if found.is_better:
        with connect() as connection:
            fitted.keep(connection, found.weights, found.reviews)
    losses = f"log loss {found.loss_before:.4f} before, {found.loss_after:.4f} after, on memories left out of the fit"
    sentence = "Kept; the next cycle uses them" if found.is_better else "Not kept: they predict no better"
    show(
        {**asdict(found), "kept": found.is_better},
        as_json,
        f"{sentence}: {losses} ({found.reviews} reviews, {found.failures} failed).",
    )


@app.command("write-back", help="Publish the results of your own `dbt run`." + EXAMPLE + "dreams write-back")
def write_back(as_json: AsJson = False) -> None:
    from ingest.cycle.run import publish_computed

    with status("writing back"):
        changed = publish_computed()
    show(dict(changed), as_json, f"{sum(changed.values())} rows changed in schema dreams.")
