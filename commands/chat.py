"""A conversation in the terminal, with what is recalled beside it: `dreams chat`."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from commands.parameters import EXAMPLE
from commands.terminal import aside, complain, piece_by_piece, say, typed
from memories.errors import DreamsError, InputError, ModelUnreachable
from memories.records import EXTRACTIVE

if TYPE_CHECKING:
    from commands.served_generator import AskedModel
    from memories.evidence.asking import Reply
    from memories.evidence.conversation import Recollection, Resting
    from memories.evidence.remembering import Turn
    from memories.memory import Memory

app = typer.Typer()
DEFAULT = "default"
MOST_RECALLED = 5
MOST_TOKENS = 300
# So many earlier turns go to the model again with each message.
EARLIER_TURNS = 6
INSTRUCTION = "You talk with a person, briefly and plainly. Where you do not know something, say so."


@app.command(
    help="Talk with your memories: each message recalls, and /help lists what else can be typed. What is said is kept"
    " only if you say so at the end, or with --remember." + EXAMPLE + "dreams chat --generator smollm2-135m"
)
def chat(
    generator: Annotated[
        str, typer.Option(help="Who answers, as `dreams models` lists them; extractive only quotes your memories.")
    ] = DEFAULT,
    remember: Annotated[bool, typer.Option("--remember", help="Store what is said, without asking.")] = False,
) -> None:
    from commands.served_generator import served_generator
    from memories.embedding.embedder import Embedder
    from memories.memory import Memory

    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    with Memory(embed=Embedder(waits=False)) as memory:
        try:
            with served_generator(generator) as model:
                Chat(memory, model).run(remember)
        except ModelUnreachable as error:
            if generator != DEFAULT:
                raise
            complain(f"{error}; until then your memories answer by themselves")
            Chat(memory, None).run(remember)


class Command(NamedTuple):
    """What can be typed after a slash; `run` gets the rest of the line."""

    argument: str
    purpose: str
    run: Callable[[str], None]


class Chat:
    """One conversation. Without a model, the memories answer with quotations."""

    def __init__(self, memory: "Memory", model: "AskedModel | None") -> None:
        self._memory = memory
        self._model = model
        self._turns: list[Turn] = []
        self._is_over = False
        self._noted: str | None = None
        self._commands = {
            "why": Command("ID", "explains a memory", self._why),
            "forget": Command("ID", "deletes a memory for good, after asking", self._forget),
            "store": Command("TEXT", "stores a memory", self._store),
            "help": Command("", "lists these", self._help),
            "quit": Command("", "ends the conversation, as Ctrl-D does", self._quit),
        }

    @property
    def _name(self) -> str:
        return EXTRACTIVE if self._model is None else self._model.name

    def run(self, is_remembered: bool) -> None:
        """Talks until the person ends it; then stores what was said, if they want it."""
        say(f"You talk with {self._name}; /help lists what else you can type, /quit ends it.")
        try:
            while not self._is_over and (line := typed("> ")) is not None:
                self._answer(line.strip())
            if self._turns and not is_remembered:
                is_remembered = self._agrees("Store what was said as memories?")
        except KeyboardInterrupt:
            say("")
        if self._turns:
            self._end(is_remembered)

    def _end(self, is_remembered: bool) -> None:
        from memories.evidence.remembering import remember

        if is_remembered:
            say(f"Stored {remember(self._memory, self._turns, self._name)} messages of this conversation.")
        else:
            say("Nothing of this conversation was stored.")

    def _answer(self, line: str) -> None:
        try:
            if line.startswith("/"):
                self._command(line[1:])
            elif line:
                self._turn(line)
        except DreamsError as error:
            complain(str(error))

    def _turn(self, message: str) -> None:
        from memories.evidence.conversation import recollect
        from memories.evidence.remembering import Turn

        said_at = datetime.now(UTC)
        found = recollect(self._memory, message, MOST_RECALLED)
        self._show(found)
        reply = self._reply(message, found)
        self._turns.append(Turn(said_at, message, datetime.now(UTC), reply))

    def _reply(self, message: str, found: "Recollection") -> "Sequence[Resting]":
        """What the memories say to a question; to anything else, and where they do not know, the model talks freely."""
        from memories.evidence.asking import reply
        from memories.evidence.sentences import is_question

        if self._model is None:
            return self._told(reply(self._memory, found.answer, record=True))
        if found.quotes and is_question(message):
            return self._told(self._worded(self._model, reply(self._memory, found.answer, record=True)))
        return self._talked(self._model, message, found)

    def _show(self, found: "Recollection") -> None:
        """What was recalled, in the margin."""
        from memories.evidence.wording import short_id
        from memories.instant import day
        from memories.views.reasons import gist

        if found.answer.note and found.answer.note != self._noted:
            complain(found.answer.note)
            self._noted = found.answer.note
        if not found.answer.is_sure:
            aside("nothing sure is recalled")
            return
        for result, _ in found.passed:
            memory = result.memory
            aside(f"{short_id(memory.id)}  {day(memory.created_at)}  {gist(memory, result.excerpt)}")

    def _told(self, reply: "Reply") -> "Sequence[Resting]":
        from memories.evidence.conversation import Resting
        from memories.evidence.wording import reply_lines

        for line in reply_lines(reply):
            say(line)
        ids = [quote.memory_id for quote in reply.quotes]
        if reply.sentences:
            return [Resting(each.text, [ids[place] for place in each.quotes]) for each in reply.sentences]
        return [Resting(quote.text, [quote.memory_id]) for quote in reply.quotes]

    def _worded(self, model: "AskedModel", reply: "Reply") -> "Reply":
        """The reply in the model's words, as far as the quotations say the same."""
        from dataclasses import replace

        from memories.evidence.model_words import prompt, worded

        asked = prompt(reply, self._memory.quoter())
        pieces = model.reply([("system", asked.instruction), ("user", asked.message)], MOST_TOKENS)
        in_words = worded(replace(reply, note=None), model.name, "".join(pieces))
        if in_words.note:
            aside(in_words.note)
        return in_words

    def _talked(self, model: "AskedModel", message: str, found: "Recollection") -> "Sequence[Resting]":
        from memories.evidence.asking import cite

        asked = found.before(message, self._memory.quoter()) if found.answer.is_sure else message
        earlier = [
            said for turn in self._turns[-EARLIER_TURNS:] for said in (("user", turn.message), ("assistant", turn.text))
        ]
        messages = [("system", INSTRUCTION), *earlier, ("user", asked)]
        reply = found.resting(piece_by_piece(model.reply(messages, MOST_TOKENS)))
        cite(self._memory, (memory_id for each in reply for memory_id in each.memory_ids), found.answer.query_id)
        self._show_resting(reply)
        return reply

    def _show_resting(self, reply: "Sequence[Resting]") -> None:
        """Which sentences of a reply rest on which memories, and how many are the model's own."""
        from memories.evidence.wording import MOST_CHARACTERS, short_id
        from memories.views.reasons import one_line

        for each in reply:
            if each.memory_ids:
                rests_on = " ".join(f"[{short_id(memory_id)}]" for memory_id in each.memory_ids)
                aside(f"rests on {rests_on}: “{one_line(each.sentence, MOST_CHARACTERS)}”")
        if own := sum(not each.memory_ids for each in reply):
            aside(f"{self._name}'s own words, which no memory says: {own} of {len(reply)} sentences")

    def _command(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        command = self._commands.get(name)
        if command is None:
            raise InputError(f"there is no /{name}: /help lists what there is")
        if bool(command.argument) != bool(rest.strip()):
            raise InputError(f"write it like /{name} {command.argument}".rstrip())
        command.run(rest.strip())

    def _why(self, reference: str) -> None:
        from memories.views.reasons import explanation_lines

        for line in explanation_lines(self._memory.why(reference)):
            say(line)

    def _forget(self, reference: str) -> None:
        from memories.evidence.wording import short_id
        from memories.instant import day
        from memories.views.reasons import gist

        memory = self._memory.forgettable(reference).memory
        say(f"{short_id(memory.id)}  {day(memory.created_at)}  {gist(memory)}")
        if not self._agrees("Delete it and every copy of it permanently?"):
            say("Kept.")
            return
        self._memory.forget(memory.id)
        # What a reply said of it must reach neither the model nor the store again.
        self._turns = [turn for turn in self._turns if memory.id not in turn.memory_ids]
        say("Forgotten, with what was said here of it.")

    def _store(self, text: str) -> None:
        from memories.evidence.wording import short_id

        say(f"Stored as {short_id(self._memory.store(self._memory.with_citations(text)))}.")

    def _help(self, _: str) -> None:
        for name, command in self._commands.items():
            say(f"/{name} {command.argument}".ljust(14) + command.purpose)

    def _quit(self, _: str) -> None:
        self._is_over = True

    def _agrees(self, question: str) -> bool:
        say(question)
        return (typed("[y/N] ") or "").strip().lower() in ("y", "yes")
