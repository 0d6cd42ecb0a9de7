"""Vectors are read completely, despite deleted rows and for any batch size."""

from collections.abc import Sequence
from random import Random
from uuid import UUID

import duckdb
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biological_memory import vectors

DIMENSIONS = 3
number = st.floats(-1, 1, width=16)
# None is a row that has been deleted.
row = st.none() | st.lists(number, min_size=1, max_size=DIMENSIONS)


@given(
    rows=st.lists(row, min_size=1, max_size=40),
    order=st.randoms(use_true_random=False),
    rows_at_a_time=st.integers(1, 50),
)
def test_each_wanted_vector_stands_in_its_place(
    rows: Sequence[list[float] | None], order: Random, rows_at_a_time: int
) -> None:
    wanted = [number for number in range(len(rows)) if order.random() < 0.7]
    order.shuffle(wanted)
    with duckdb.connect() as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "ROWS_AT_A_TIME", rows_at_a_time)
        session.execute("create table stg_embeddings (memory_id uuid, embedding blob)")
        session.execute("create table places (memory_id uuid, place bigint)")
        for number, numbers in enumerate(rows):
            sent = numpy.array(numbers or [], dtype=">f2").tobytes()
            session.execute("insert into stg_embeddings values (?, ?)", [UUID(int=number), sent])
        for number in (number for number, numbers in enumerate(rows) if numbers is None):
            session.execute("delete from stg_embeddings where memory_id = ?", [UUID(int=number)])
        for place, number in enumerate(wanted):
            session.execute("insert into places values (?, ?)", [UUID(int=number), place])
        found = vectors.read_vectors(session.table("places"), len(wanted), DIMENSIONS, session)
    expected = [[*(rows[number] or []), *[0.0] * DIMENSIONS][:DIMENSIONS] for number in wanted]
    assert found.dtype == numpy.float32
    assert found.tolist() == expected
