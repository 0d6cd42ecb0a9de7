"""The models that this process serves, by name."""

from collections.abc import Sequence

from memories.errors import InputError
from sidecar.embedders.queue import ServedModel


class UnknownModelError(InputError):
    """No model of that name; the API answers 404."""


class Registry:
    """Finds a served model by any of its names."""

    def __init__(self, models: Sequence[ServedModel]) -> None:
        self.models = tuple(models)
        self._by_name = {name: model for model in models for name in model.names}

    def find(self, name: str) -> ServedModel:
        model = self._by_name.get(name)
        if model is None:
            served = ", ".join(model.embedder.name for model in self.models)
            raise UnknownModelError(f'model "{name}" not found, use one that is served: {served}')
        return model

    def close(self) -> None:
        for model in self.models:
            model.close()
