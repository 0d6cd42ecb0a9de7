"""The models that this process serves, by name: those that embed and those that generate."""

from collections.abc import Callable, Sequence

from memories.errors import InputError
from sidecar.embedders.queue import ServedModel
from sidecar.generators import catalogue
from sidecar.generators.queue import ServedGenerator
from sidecar.settings import SidecarSettings

# Asks for the generator that is active, whichever that is.
ACTIVE = "default"
MOST_GENERATORS = 200
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
    def names(self) -> list[str]:
        """The own names of all models: those that embed, then those that generate."""
        return [model.embedder.name for model in self.models] + [each.card.name for each in self.generators]

    @property
    def embedder_names(self) -> frozenset[str]:
        """All names of all embedders."""
        return frozenset(self._by_name)

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

    def own_name(self, name: str) -> str:
        """The own name of the model, of either kind, that has this one. Raises UnknownModelError when none has."""
        if name in self._by_name:
            return self._by_name[name].embedder.name
        return self.generator(name).card.name

    def generator(self, name: str) -> ServedGenerator:
        """The generator of that name. Raises UnknownModelError when there is none."""
        if name == ACTIVE and self.active is not None:
            return self.active
        if name not in self._generators:
            prefix, slash, rest = name.partition("/")
            if not slash or not rest or prefix not in self._elsewhere:
                served = ", ".join(generator.card.name for generator in self.generators) or "none"
                raise UnknownModelError(f'model "{name}" not found, use one that generates: {served}')
            if len(self._generators) >= MOST_GENERATORS:
                raise UnknownModelError(f'model "{name}" is one too many: start the sidecar again to ask other models')
            made = self._elsewhere[prefix](rest)
            self._generators.update(dict.fromkeys(made.names, made))
        return self._generators[name]

    def has_generator(self, name: str) -> bool:
        return name in self._generators or name.partition("/")[0] in self._elsewhere

    def activate(self, name: str) -> ServedGenerator:
        """Makes a generator the one that `default` names. Replies that another is giving go on."""
        self.active = self.generator(name)
        return self.active

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Of the servers elsewhere."""
        return tuple(self._elsewhere)

    def close(self) -> None:
        for model in self.models:
            model.close()
        for generator in self.generators:
            generator.close()


def open_registry(settings: SidecarSettings, models: Sequence[ServedModel] = ()) -> Registry:
    """These embedders, and all generators that are installed or set, none of them loaded yet.

    The active one is the folder of SIDECAR_MODEL, else the one that was chosen, else SmolLM2, else the one that quotes.
    Raises UnloadableModel when the folder holds no whole model.
    """
    registry = Registry(models, catalogue.of_this_machine(settings), catalogue.elsewhere(settings))
    chosen = catalogue.chosen()
    if chosen is not None and settings.model is None and registry.has_generator(chosen):
        registry.activate(chosen)
    return registry
