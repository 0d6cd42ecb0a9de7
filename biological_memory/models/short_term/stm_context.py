"""One row per item: its similarity to the running context of its session, its episode within the session, its position
in the episode, and the items before and after it in the session.

Temporal context model (Howard & Kahana 2002): after item f, the context c becomes rho c + beta f, with
rho = sqrt(1 + beta^2 ((c f)^2 - 1)) - beta (c f), so that it keeps length 1. If the similarity c f is low, context has
drifted away, and a new episode begins with that item as its context. An item without a vector neither moves the context
nor ends an episode.
"""

import numpy

from biological_memory.vectors import read_vectors

# Sessions with up to this many items are processed side by side, longer ones one by one.
LONGEST_TOGETHER = 500


def model(dbt, session):
    beta = float(dbt.config.get("context_drift_rate"))
    boundary = float(dbt.config.get("episode_boundary_similarity"))
    sessions = dbt.ref("stm_sessions")
    inputs = dbt.ref("stm_context_inputs")
    embeddings = dbt.ref("stg_embeddings")
    known = f"(select session_id, session_part, item_id, episode_number, position from {dbt.this})"
    if not dbt.is_incremental:
        known = (
            "(select null::varchar as session_id, null::integer as session_part, null::uuid as item_id,"
            " null::integer as episode_number, null::integer as position limit 0)"
        )
    gather(session, sessions, inputs, embeddings, known)
    columns = session.sql("select session_number, has_vector from context_items order by number").fetchnumpy()
    # During a change of embedding model, vectors have two lengths.
    dimensions = session.sql("select coalesce(max(dimensions), 0) from embeddings").fetchone()[0]
    places = session.table("context_items").project("item_id as memory_id, number as place")
    vectors = read_vectors(places, len(columns["has_vector"]), dimensions, session)
    similarities, episodes = follow_context(columns["session_number"], columns["has_vector"], vectors, beta, boundary)
    found = {
        "number": numpy.arange(len(episodes)),
        "episode": episodes,
        "context_similarity": similarities,
    }
    return session.sql(
        """
        with followed as (
            select
                item_id, session_id, session_part, fingerprint, first_episode + episode - 1 as episode_number,
                row_number() over (partition by session_number, episode order by number)::integer as position,
                if(isnan(context_similarity), null, context_similarity) as context_similarity,
                previous_item_id, next_item_id
            from context_items inner join found using (number)
        )
        select * from followed where fingerprint is not null
        """
    )


def gather(session, sessions, inputs, embeddings, known):
    """Fills `context_items` with the items to process: those of missing parts, and earlier ones of the same episode.

    The missing parts of a session are its last ones. An episode starts with a fresh context, so that it is enough to
    restart at the beginning of the episode of the last known item.
    """
    # `sql` sees this function's variables; `execute` of dbt's session does not. Only numbers leave and enter DuckDB: it
    # takes them many times as fast as texts.
    session.sql(
        f"""
        create or replace temp table context_items as
        with missing as (
            select session_id, session_part, fingerprint from inputs
            anti join {known} as known using (session_id, session_part)
        ),
        resumed as (
            select sessions.session_id, min(sessions.session_position) - 1 as known_count
            from sessions inner join missing using (session_id, session_part)
            group by sessions.session_id
        ),
        begun as (
            select
                resumed.session_id, coalesce(known.episode_number, 1) as first_episode,
                resumed.known_count - coalesce(known.position, 0) as left_out
            from resumed
            left join sessions as last
                on last.session_id = resumed.session_id and last.session_position = resumed.known_count
            left join {known} as known on known.item_id = last.item_id
        )
        select
            row_number() over (order by session_id, s.session_position) - 1 as number,
            dense_rank() over (order by session_id) as session_number,
            session_id, session_part, missing.fingerprint, begun.first_episode,
            s.item_id, e.memory_id is not null as has_vector,
            lag(s.item_id) over in_session as previous_item_id, lead(s.item_id) over in_session as next_item_id
        from sessions as s
        inner join begun using (session_id)
        left join missing using (session_id, session_part)
        left join embeddings as e on e.memory_id = s.item_id
        where s.session_position > begun.left_out
        window in_session as (partition by session_id order by s.session_position)
        """
    )


def follow_context(sessions, has_vector, vectors, beta, boundary):
    """Similarity to the context (NaN without one) and episode number, from 1, of items ordered by session and time.

    Vectorised over sessions: the first item of each, then the second, and so on. The few long sessions run one by one.
    """
    count = len(sessions)
    similarities, episodes = numpy.full(count, numpy.nan), numpy.ones(count, dtype=numpy.int32)
    if not has_vector.any():
        return similarities, episodes
    sessions = numpy.asarray(sessions)
    starts = numpy.flatnonzero(numpy.append(True, sessions[1:] != sessions[:-1]))
    lengths = numpy.diff(numpy.append(starts, count))
    for start, length in zip(starts, lengths, strict=True):
        if length > LONGEST_TOGETHER:
            own = slice(start, start + length)
            similarities[own], episodes[own] = follow_one(has_vector[own], vectors[own], beta, boundary)
    session = numpy.repeat(numpy.arange(len(starts)), lengths)
    place = numpy.arange(count) - starts[session]
    contexts = numpy.zeros((len(starts), vectors.shape[1]))
    has_context, episode = numpy.zeros(len(contexts), dtype=bool), numpy.ones(len(contexts), dtype=numpy.int32)
    together = numpy.flatnonzero(lengths[session] <= LONGEST_TOGETHER)
    in_turn = together[numpy.argsort(place[together], kind="stable")]
    for rows in numpy.split(in_turn, numpy.flatnonzero(numpy.diff(place[in_turn])) + 1):
        moving = rows[has_vector[rows]]
        of, new = session[moving], vectors[moving].astype(numpy.float64)
        similarity = numpy.einsum("rd,rd->r", contexts[of], new)
        drifts = has_context[of]
        similarities[moving[drifts]] = similarity[drifts]
        ends = drifts & (similarity < boundary)
        episode[of[ends]] += 1
        stays = drifts & ~ends
        still, similarity = of[stays], similarity[stays]
        contexts[still] = kept(similarity, beta)[:, None] * contexts[still] + beta * new[stays]
        contexts[of[~stays]] = new[~stays]
        has_context[of] = True
        episodes[rows] = episode[session[rows]]
    return similarities, episodes


def follow_one(has_vector, vectors, beta, boundary):
    """As `follow_context`, for the items of one session."""
    similarities, episodes = numpy.full(len(vectors), numpy.nan), numpy.ones(len(vectors), dtype=numpy.int32)
    context, episode = None, 1
    for row, moves in enumerate(has_vector.tolist()):
        if moves:
            new = vectors[row].astype(numpy.float64)
            similarity = None if context is None else float(numpy.einsum("d,d->", context, new))
            if similarity is None:
                context = new
            elif similarity < boundary:
                context, episode = new, episode + 1
            else:
                context = kept(similarity, beta) * context + beta * new
            similarities[row] = numpy.nan if similarity is None else similarity
        episodes[row] = episode
    return similarities, episodes


def kept(similarity, beta):
    """The factor rho by which an item scales the context."""
    return numpy.sqrt(1 + beta**2 * (similarity * similarity - 1)) - beta * similarity
