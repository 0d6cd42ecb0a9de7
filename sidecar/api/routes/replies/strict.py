"""How bodies treat fields that they do not know."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Refuses them."""

    model_config = ConfigDict(extra="forbid")


class Lenient(BaseModel):
    """Lets them pass: what clients send back as they got it, with fields of other servers."""

    model_config = ConfigDict(extra="ignore")
