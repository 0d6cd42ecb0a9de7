"""One row per item: its similarity to the running context of its session, and the episode of the session it falls into.

Temporal context model (Howard & Kahana 2002): after item f, the context c becomes rho c + beta f, with
rho = sqrt(1 + beta^2 ((c f)^2 - 1)) - beta (c f), so that it keeps length 1. Where the similarity c f is low, context
has drifted away and an episode begins with that item's own context. An item without a vector neither moves the context
nor ends an episode.
"""

from math import sqrt

import numpy


def model(dbt, session):
    beta = float(dbt.config.get("context_drift_rate"))
    boundary = float(dbt.config.get("episode_boundary_similarity"))
    sessions = dbt.ref("stm_sessions")
    inputs = dbt.ref("stm_session_inputs")
    embeddings = dbt.ref("stg_embeddings")
    missing = f"where session_id not in (select session_id from {dbt.this})" if dbt.is_incremental else ""
    columns = session.sql(
        f"""
        select s.session_id, i.fingerprint, s.item_id::varchar as item_id, e.embedding
        from sessions as s
        inner join (select * from inputs {missing}) as i using (session_id)
        left join embeddings as e on e.memory_id = s.item_id
        order by s.session_id, s.session_position
        """
    ).fetchnumpy()
    similarities, episodes = follow_context(columns["session_id"], columns["embedding"], beta, boundary)
    rows = {
        "item_id": columns["item_id"],
        "session_id": columns["session_id"],
        "fingerprint": columns["fingerprint"],
        "episode_number": episodes,
        "context_similarity": similarities,
    }
    return session.sql(
        "select item_id::uuid as item_id, session_id::varchar as session_id, fingerprint::varchar as fingerprint,"
        " episode_number::integer as episode_number, if(isnan(context_similarity), null, context_similarity)"
        " as context_similarity from rows"
    )


def follow_context(session_ids, vectors, beta, boundary):
    """Similarity to the context (NaN without one) and episode number, from 1, of items ordered by session and time."""
    similarities = numpy.full(len(session_ids), numpy.nan)
    episodes = numpy.ones(len(session_ids), dtype=numpy.int32)
    context, episode = None, 1
    for position, (session_id, vector) in enumerate(zip(session_ids, vectors, strict=True)):
        if position == 0 or session_id != session_ids[position - 1]:
            context, episode = None, 1
        if vector is not None and vector is not numpy.ma.masked:
            item = numpy.asarray(vector, dtype=numpy.float64)
            if context is None:
                context = item
            else:
                similarity = float(context @ item)
                similarities[position] = similarity
                if similarity < boundary:
                    episode += 1
                    context = item
                else:
                    rho = sqrt(1 + beta**2 * (similarity**2 - 1)) - beta * similarity
                    context = rho * context + beta * item
        episodes[position] = episode
    return similarities, episodes
