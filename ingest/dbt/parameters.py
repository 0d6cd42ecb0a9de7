"""Checks the parameters of the memory against their ranges, before a cycle starts.

The defaults are the vars of biological_memory/dbt_project.yml, which says what each of them does.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ingest.dbt.project import project_vars
from memories.documents.storable import check_text
from memories.errors import InputError
from memories.settings import Zone, settings

Share = Annotated[float, Field(ge=0, le=1)]
Similarity = Annotated[float, Field(ge=-1, le=1)]
Count = Annotated[int, Field(ge=0, le=1_000)]
Nights = Annotated[int, Field(ge=0, le=366)]
# The bounds of the package `fsrs`, for w0 to w19 and the decay w20.
FSRS_LEAST = (*(0.001,) * 4, 1.0, *(0.001,) * 3, *(0.0,) * 2, *(0.001,) * 4, *(0.0,) * 2, 1.0, *(0.0,) * 3, 0.1)
FSRS_MOST = (
    *(100.0,) * 4, 10.0, 4.0, 4.0, 0.75, 4.5, 0.8, 3.5, 5.0, 0.25, 0.9, 4.0, 1.0, 6.0, 2.0, 2.0, 0.8, 0.8,
)  # fmt: skip
# Fitted weights are stored in single precision, so that one at a bound may lie just outside it.
ROUNDING = 1e-6


def _within_bounds(weights: list[float]) -> list[float]:
    if len(weights) != len(FSRS_LEAST) - 1:
        raise ValueError(f"there are {len(FSRS_LEAST) - 1} weights")
    for place, (weight, least, most) in enumerate(zip(weights, FSRS_LEAST, FSRS_MOST, strict=False)):
        if not least - ROUNDING <= weight <= most + ROUNDING:
            raise ValueError(f"w{place} must be from {least} to {most}")
    return weights


def _storable(text: str) -> str:
    try:
        check_text(text)
    except InputError as error:
        raise ValueError(str(error)) from error
    return text


class Parameters(BaseModel):
    """The vars of the dbt project, except the instant, which each cycle fixes itself."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    excluded_tags: list[Annotated[str, AfterValidator(_storable)]]
    timezone: Zone
    night_hour: int = Field(ge=0, le=23)
    attention_window_minutes: int = Field(ge=1, le=1_440)
    working_memory_capacity: float = Field(ge=1, le=20)
    interference_similarity: float = Field(gt=0, le=1)
    activation_decay: float = Field(gt=0, lt=1)
    attention_weight: Share
    emotional_weight: Share
    unknown_salience: Share
    session_gap_minutes: int = Field(ge=1, le=10_080)
    context_drift_rate: Share
    episode_boundary_similarity: Similarity
    hebbian_learning_rate: Share
    forgetting_rate: float = Field(ge=0, lt=1)
    least_weight: float = Field(ge=1e-12, lt=1)
    replay_budget: Count
    replay_catch_up_nights: Nights
    need_spread: Share
    reminding_strength: float = Field(ge=0, lt=1)
    reminding_budget: Count
    reminding_similarity: float = Field(ge=-1, lt=1)
    name_commonness: Share
    consolidation_threshold: float = Field(gt=0, le=1)
    stability_half_days: float = Field(gt=0, le=36_500)
    fsrs_weights: Annotated[list[float], AfterValidator(_within_bounds)]
    fsrs_decay: float = Field(ge=FSRS_LEAST[-1] - ROUNDING, le=FSRS_MOST[-1] + ROUNDING)
    semantic_neighbours: int = Field(ge=1, le=100)
    semantic_similarity: Similarity
    contiguity_lag: int = Field(ge=1, le=100)
    contiguity_decay: Share
    contiguity_backward: Share
    contiguity_context: Share
    entity_neighbours: int = Field(ge=1, le=100)
    community_resolution: float = Field(gt=0, le=100)
    concept_support: int = Field(ge=1, le=1_000)
    supersession_similarity: Similarity
    contradiction_similarity: Similarity
    habit_lift: float = Field(gt=0, le=168)
    habit_false_discoveries: Share
    anomaly_deviations: float = Field(ge=0, le=100)
    prediction_horizon_days: int = Field(ge=1, le=365)


def run_parameters(overrides: Mapping[str, object]) -> Mapping[str, object]:
    """The vars of a run: the project's, with TIMEZONE as time zone and `overrides` applied.

    Raises InputError when a name is not a var of the project, or a value is out of its range.
    """
    unknown = sorted(set(overrides) - Parameters.model_fields.keys())
    if unknown:
        raise InputError(f"there is no parameter {unknown[0]!r}: biological_memory/dbt_project.yml lists them")
    found = {**project_vars(), "timezone": settings().timezone, **overrides}
    check_parameters(found)
    return found


def check_parameters(parameters: Mapping[str, object]) -> None:
    """Raises InputError, naming the parameter and its range, when one is out of range."""
    try:
        Parameters.model_validate({name: value for name, value in parameters.items() if name != "as_of"})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        wanted = first["msg"].removeprefix("Value error, ")
        raise InputError(f"the parameter {name} cannot be {first['input']!r:.80}: {wanted}") from error
