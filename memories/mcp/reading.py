"""MCP resources and the prompt that begins a session: what an assistant can read without calling a tool."""

from mcp_types import (
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
)

from memories.errors import NotFound
from memories.mcp.arguments import OneMemory, RecallContext, SearchMemory
from memories.mcp.tools import (
    Desk,
    get_memory,
    recall_context,
    search_memory,
)

CONTEXT = "memory://context"
ONE_MEMORY = "memory://memories/"
BEGIN = "begin_session"
PLAIN = "text/plain"

RESOURCES = ListResourcesResult(
    resources=[
        Resource(
            uri=CONTEXT,
            name="context",
            title="What is in mind",
            description="Working memory and the latest episodes.",
            mime_type=PLAIN,
        )
    ]
)
TEMPLATES = ListResourceTemplatesResult(
    resource_templates=[
        ResourceTemplate(
            uri_template=f"{ONE_MEMORY}{{id}}",
            name="memory",
            title="A memory",
            description="One memory, whole, by its id or the first six characters.",
            mime_type=PLAIN,
        )
    ]
)
PROMPTS = ListPromptsResult(
    prompts=[
        Prompt(
            name=BEGIN,
            title="Begin a session",
            description="What is in mind and what happened lately, and what is remembered of a topic.",
            arguments=[PromptArgument(name="topic", title="Topic", description="What the session will be about.")],
        )
    ]
)


def read(desk: Desk, uri: str) -> ReadResourceResult:
    """A resource's text. Raises NotFound when no resource has this URI."""
    if uri == CONTEXT:
        text = recall_context(desk, RecallContext()).text
    elif uri.startswith(ONE_MEMORY):
        text = get_memory(desk, OneMemory(id=uri.removeprefix(ONE_MEMORY))).text
    else:
        raise NotFound(f"there is no resource {uri!r}: read {CONTEXT} or {ONE_MEMORY}ID")
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=PLAIN, text=text)])


def begin(desk: Desk, name: str, topic: str | None) -> GetPromptResult:
    """The prompt with its topic filled in. Raises NotFound when no prompt has this name."""
    if name != BEGIN:
        raise NotFound(f"there is no prompt {name!r}: use {BEGIN}")
    said = ["This session begins. What I had in mind lately:", recall_context(desk, RecallContext()).text]
    if topic and topic.strip():
        said += [f"It is about: {topic}", search_memory(desk, SearchMemory(query=topic)).text]
    said.append("Take this into account, and say in a sentence or two where things stand.")
    message = PromptMessage(role="user", content=TextContent(type="text", text="\n\n".join(said)))
    return GetPromptResult(description="Begin a session", messages=[message])
