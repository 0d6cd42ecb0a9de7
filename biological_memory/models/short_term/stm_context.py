"""One row per item: its similarity to the running context of its session, and the episode of the session it falls into.

Temporal context model (Howard & Kahana 2002): after item f, the context c becomes rho c + beta f, with
rho = sqrt(1 + beta^2 ((c f)^2 - 1)) - beta (c f), so that it keeps length 1. Where the similarity c f is low, context
has drifted away and an episode begins with that item's own context. An item without a vector neither moves the context
nor ends an episode.
"""

import numpy


def model(dbt, session):
    beta = float(dbt.config.get("context_drift_rate"))
    boundary = float(dbt.config.get("episode_boundary_similarity"))
    sessions = dbt.ref("stm_sessions")
    inputs = dbt.ref("stm_session_inputs")
    embeddings = dbt.ref("stg_embeddings")
    missing = f"where session_id not in (select session_id from {dbt.this})" if dbt.is_incremental else ""
    # `sql` sees the variables of this function, which `execute` of dbt's session does not. Numbers alone go to and fro:
    # DuckDB takes them many times as fast as texts, and vectors number by number many times as fast as arrays of them.
    session.sql(
        f"""
        create or replace temp table context_items as
        select
            row_number() over (order by s.session_id, s.session_position) - 1 as number,
            dense_rank() over (order by s.session_id) as session_number,
            s.session_id, i.fingerprint, s.item_id, e.memory_id is not null as has_vector
        from sessions as s
        inner join (select * from inputs {missing}) as i using (session_id)
        left join embeddings as e on e.memory_id = s.item_id
        """
    )
    columns = session.sql("select session_number, has_vector from context_items order by number").fetchnumpy()
    # Neither sorted nor kept, which would move all the vectors: each has its number before it, in two that float32 can
    # hold. While models change, vectors are of two lengths.
    dimensions = session.sql("select coalesce(max(len(embedding)), 0) from embeddings").fetchone()[0]
    numbers = session.sql(
        f"select unnest([number // 4096, number % 4096]::float[] || list_resize(embedding, {dimensions}, 0)) as number"
        " from context_items inner join embeddings on memory_id = item_id"
    ).fetchnumpy()["number"]
    vectors = numbers.reshape(-1, dimensions + 2)
    order = numpy.argsort(4096 * vectors[:, 0].astype(numpy.int64) + vectors[:, 1].astype(numpy.int64))
    similarities, episodes = follow_context(
        columns["session_number"], columns["has_vector"], vectors[:, 2:], order, beta, boundary
    )
    found = {
        "number": numpy.arange(len(episodes)),
        "episode_number": episodes,
        "context_similarity": similarities,
    }
    return session.sql(
        "select item_id, session_id, fingerprint, episode_number,"
        " if(isnan(context_similarity), null, context_similarity) as context_similarity"
        " from context_items inner join found using (number)"
    )


def follow_context(sessions, has_vector, vectors, order, beta, boundary):
    """Similarity to the context (NaN without one) and episode number, from 1, of items ordered by session and time.

    Vectors, taken in the order given, are those of the items that have one. All sessions go on together: the first item
    of each, then the second.
    """
    count = len(sessions)
    similarities, episodes = numpy.full(count, numpy.nan), numpy.ones(count, dtype=numpy.int32)
    if not has_vector.any():
        return similarities, episodes
    item = numpy.cumsum(has_vector) - 1
    sessions = numpy.asarray(sessions)
    begins = numpy.append(True, sessions[1:] != sessions[:-1])
    session = numpy.cumsum(begins) - 1
    place = numpy.arange(count) - numpy.flatnonzero(begins)[session]
    contexts = numpy.zeros((session[-1] + 1, vectors.shape[1]))
    has_context, episode = numpy.zeros(len(contexts), dtype=bool), numpy.ones(len(contexts), dtype=numpy.int32)
    in_turn = numpy.argsort(place, kind="stable")
    for rows in numpy.split(in_turn, numpy.flatnonzero(numpy.diff(place[in_turn])) + 1):
        moving = rows[has_vector[rows]]
        of, new = session[moving], vectors[order[item[moving]]].astype(numpy.float64)
        similarity = numpy.einsum("rd,rd->r", contexts[of], new)
        drifts = has_context[of]
        similarities[moving[drifts]] = similarity[drifts]
        ends = drifts & (similarity < boundary)
        episode[of[ends]] += 1
        stays = drifts & ~ends
        still, similarity = of[stays], similarity[stays]
        rho = numpy.sqrt(1 + beta**2 * (similarity**2 - 1)) - beta * similarity
        contexts[still] = rho[:, None] * contexts[still] + beta * new[stays]
        contexts[of[~stays]] = new[~stays]
        has_context[of] = True
        episodes[rows] = episode[session[rows]]
    return similarities, episodes
