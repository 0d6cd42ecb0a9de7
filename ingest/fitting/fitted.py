"""Keeps the weights of the memory model that were fitted to a person in the store, for every cycle to use."""

from collections.abc import Mapping, Sequence

from memories.postgres.database import Connection

NAME = "fsrs_parameters"


def keep(connection: Connection, weights: Sequence[float], review_count: int) -> None:
    """Stores weights, which all later cycles use."""
    connection.execute(
        "insert into dreams.learned_vectors (name, version, position, embedding_model, vector, trained_on)"
        " select %(name)s, coalesce(max(version), 0) + 1, 0, '', %(weights)s, %(count)s"
        " from dreams.learned_vectors where name = %(name)s",
        {"name": NAME, "weights": list(weights), "count": review_count},
    )


def reset(connection: Connection) -> None:
    """Deletes the stored weights, so that later cycles use the project's."""
    connection.execute("delete from dreams.learned_vectors where name = %s", (NAME,))


def fitted_parameters(connection: Connection) -> Mapping[str, object]:
    """The stored weights as vars of the dbt project; empty if there are none."""
    row = connection.execute(
        "select vector from dreams.learned_vectors where name = %s order by version desc limit 1", (NAME,)
    ).fetchone()
    if row is None:
        return {}
    weights = [float(weight) for weight in row[0]]  # type: ignore[attr-defined]
    return {"fsrs_weights": weights[:-1], "fsrs_decay": weights[-1]}
