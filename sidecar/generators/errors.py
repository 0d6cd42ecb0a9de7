"""What goes wrong when a reply is generated. Every message is one sentence that says what to do.

InvalidRequest      the request asks for what this generator cannot do; names the parameter (InputError)
└── ContextExceeded the prompt is longer than the model's context
UnloadableModel     a model's folder or wheel is damaged, incomplete or of no known kind (ModelError)
QueueFull           too many requests wait already (ModelError)
ReplyTimedOut       the reply took longer than it may (ModelError)
RemoteFailure       the server that generates answered with an error (ModelError)
"""

from memories.errors import InputError, ModelError


class InvalidRequest(InputError):
    """A request that cannot be answered as it is; `parameter` is the part to change, as OpenAI names it."""

    code: str | None = None

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class ContextExceeded(InvalidRequest):
    code = "context_length_exceeded"

    def __init__(self, context_tokens: int, prompt_tokens: int | None = None) -> None:
        has = "more" if prompt_tokens is None else str(prompt_tokens)
        super().__init__(
            f"This model's maximum context length is {context_tokens} tokens and the prompt has {has}: shorten it.",
            "messages",
        )


class UnloadableModel(ModelError):
    pass


class QueueFull(ModelError):
    pass


class ReplyTimedOut(ModelError):
    pass


class RemoteFailure(ModelError):
    pass
