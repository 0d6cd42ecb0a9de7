"""The models that this process serves, by name: those that embed and those that generate."""

from collections.abc import Callable, Sequence

from memories.errors import InputError
from sidecar.embedders.queue import ServedModel
from sidecar.generators.queue import ServedGenerator

# Asks for the generator that is active, whichever that is.
ACTIVE = "default"
# A server elsewhere, and how its models are called here: `ollama/NAME`.
Elsewhere = Callable[[str], ServedGenerator]


class UnknownModelError(InputError):
    """No model of that name; the API answers 404."""


class Registry:
    """Finds a served model by any of its names.

    `elsewhere` makes generators from names with a server's prefix, such as `ollama/`, when they are first asked for.
    """

    def __init__(
        self,
        models: Sequence[ServedModel],
        generators: Sequence[ServedGenerator] = (),
        elsewhere: dict[str, Elsewhere] | None = None,
    ) -> None:
        self.models = tuple(models)
        self._by_name = {name: model for model in models for name in model.names}
        self._generators = {name: generator for generator in generators for name in generator.names}
        self._elsewhere = elsewhere or {}
        self.active = generators[0] if generators else None

    @property
    def generators(self) -> tuple[ServedGenerator, ...]:
        return tuple(dict.fromkeys(self._generators.values()))

    def find(self, name: str) -> ServedModel:
        """The embedder of that name. Raises UnknownModelError when there is none."""
        model = self._by_name.get(name)
        if model is None:
            served = ", ".join(model.embedder.name for model in self.models)
            raise UnknownModelError(f'model "{name}" not found, use one that is served: {served}')
        return model

    def generator(self, name: str) -> ServedGenerator:
        """The generator of that name. Raises UnknownModelError when there is none."""
        if name == ACTIVE and self.active is not None:
            return self.active
        if name not in self._generators:
            prefix, slash, rest = name.partition("/")
            if not slash or not rest or prefix not in self._elsewhere:
                served = ", ".join(generator.card.name for generator in self.generators) or "none"
                raise UnknownModelError(f'model "{name}" not found, use one that generates: {served}')
            made = self._elsewhere[prefix](rest)
            self._generators.update(dict.fromkeys(made.names, made))
        return self._generators[name]

    def activate(self, name: str) -> ServedGenerator:
        """Makes a generator the one that `default` names. Replies that another is giving go on."""
        self.active = self.generator(name)
        return self.active

    def close(self) -> None:
        for model in self.models:
            model.close()
        for generator in self.generators:
            generator.close()
