"""Documents with the same beginning, and contents that return after an edit, are all kept verbatim."""

import pytest

from benchmarks.load import embed
from ingest.loading.load import load
from memories.memory import Memory
from memories.postgres.database import connect
from memories.records import Document

LICENCE = "The licence of this file says a lot of things. " * 400
FILES = [LICENCE + f"\n\nPart {number} is different." for number in range(12)]
DOCUMENTS = [Document("test", str(number), text) for number, text in enumerate(FILES)]


def test_long_contents_that_begin_alike_are_stored_and_edited_whole(store_url: str) -> None:
    with Memory(embed=embed) as memory:
        ids = [memory.store(text) for text in FILES]
        assert [memory.get(memory_id).content for memory_id in ids] == FILES
        assert [memory.store(text) for text in FILES] == ids
        assert memory.edit(ids[5], content=FILES[5] + " Now.").content == FILES[5] + " Now."
        assert [memory.get(memory_id).content for memory_id in ids[6:]] == FILES[6:]


@pytest.mark.parametrize("at_once", [True, False])
def test_long_documents_that_begin_alike_are_loaded_whole(store_url: str, at_once: bool) -> None:
    with connect(autocommit=True) as connection:
        for batch in [DOCUMENTS] if at_once else [[document] for document in DOCUMENTS]:
            loaded = load(connection, batch)
            assert loaded.met_again == 0
        again = load(connection, DOCUMENTS)
        assert (again.rows_changed, again.met_again) == (0, 0)
    with Memory(embed=embed) as memory:
        assert [memory.get(document.id).content for document in DOCUMENTS] == FILES


@pytest.mark.parametrize("content", ["To do.", "To do. " * 3_000])
def test_a_content_comes_again_however_often_it_was_edited(store_url: str, content: str) -> None:
    with Memory(embed=embed) as memory:
        done = [memory.edit(memory.store(content), content=f"Done {number}.").id for number in range(8)]
        assert [memory.get(memory_id).content for memory_id in done] == [f"Done {number}." for number in range(8)]
        assert memory.get(memory.store(content)).content == content
