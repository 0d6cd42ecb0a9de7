"""The list of tools that an assistant is offered, and how each is described to it."""

from memories.mcp.answers import (
    AskedAnswer,
    ContextAnswer,
    DeletedAnswer,
    ExplanationAnswer,
    FileAnswer,
    MemoryAnswer,
    PinnedAnswer,
    SearchAnswer,
    StatisticsAnswer,
    StoredAnswer,
)
from memories.mcp.arguments import (
    LONGEST_SUMMARY_WORDS,
    AskMemory,
    ExplainMemory,
    Nothing,
    OneMemory,
    PinMemory,
    RecallContext,
    SearchMemory,
    StoreFile,
    StoreMemory,
    WholeId,
)
from memories.mcp.tools import (
    Tool,
    ask_memory,
    delete_memory,
    explain_memory,
    get_memory,
    get_statistics,
    pin_memory,
    recall_context,
    search_memory,
    store_file,
    store_memory,
)

TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "store_memory",
            "Store a memory",
            "Remember a text for good. Give a context (where or why), a summary of at most"
            f" {LONGEST_SUMMARY_WORDS} words and tags where you can. Storing the same content again keeps its id.",
            StoreMemory,
            store_memory,
            StoredAnswer,
            is_read_only=False,
        ),
        Tool(
            "search_memory",
            "Search memories",
            "Find memories by meaning, words, tags and associations, each with its reasons. If nothing reaches the"
            " similarity_threshold, a lower one applies, and after that the nearest are returned: `step` says which.",
            SearchMemory,
            search_memory,
            SearchAnswer,
        ),
        Tool(
            "ask_memory",
            "Ask the memories",
            "Answer a question with sentences of memories, quoted with their ids; or learn that it is not recorded,"
            " which is then the answer to give.",
            AskMemory,
            ask_memory,
            AskedAnswer,
        ),
        Tool(
            "get_memory",
            "Read a memory",
            "Get one memory by its id: the whole text, including all chunks of a long one.",
            OneMemory,
            get_memory,
            MemoryAnswer,
        ),
        Tool(
            "pin_memory",
            "Pin a memory",
            "Keep a memory from fading, or let it fade again with pinned=false. Use it when the user says that a memory"
            " matters.",
            PinMemory,
            pin_memory,
            PinnedAnswer,
            is_read_only=False,
            is_idempotent=True,
        ),
        Tool(
            "delete_memory",
            "Delete a memory",
            "Permanently delete a memory and every copy of it. Use it only when the user asks for it.",
            WholeId,
            delete_memory,
            DeletedAnswer,
            is_read_only=False,
            is_destructive=True,
            is_idempotent=True,
        ),
        Tool(
            "get_statistics",
            "Count memories",
            "Count the memories, vectors, episodes and edges.",
            Nothing,
            get_statistics,
            StatisticsAnswer,
        ),
        Tool(
            "store_file",
            "Store a file",
            "Remember a UTF-8 text file of at most 10 MB, in chunks of 8192 bytes that overlap by 200.",
            StoreFile,
            store_file,
            FileAnswer,
            is_read_only=False,
            reads_files=True,
        ),
        Tool(
            "recall_context",
            "Recall what is in mind",
            "Recall what is in mind and what happened lately: working memory and recent episodes. Use it at the"
            " beginning of a session.",
            RecallContext,
            recall_context,
            ContextAnswer,
        ),
        Tool(
            "explain_memory",
            "Explain a memory",
            "Explain the state of a memory: its strength, events, associations and fate; with a query, also its rank in"
            " that search and what each term contributed.",
            ExplainMemory,
            explain_memory,
            ExplanationAnswer,
        ),
    )
}
