"""Every parameter is used, documented, and changes the outcome it names."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingest.dbt.parameters import Parameters, check_parameters, run_parameters
from ingest.dbt.project import PROJECT
from ingest.dbt.run import run_dbt
from ingest.settings import settings
from memories.errors import DreamsError
from memories.postgres.database import connect
from tests.conftest import ROOT

# Texts that would be code, or end a quotation, if they were not escaped.
HOSTILE = ["it's", "{{ 1 / 0 }}", "{% endif %}", "#}", "\\", '"', "{}", "$1", "'); drop table memories; --"]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = PLAIN | st.lists(PLAIN, max_size=4) | st.dictionaries(st.text(), PLAIN, max_size=2)
Changed = Callable[[float, float], bool]


def more(before: float, after: float) -> bool:
    return after > before


def fewer(before: float, after: float) -> bool:
    return after < before


def other(before: float, after: float) -> bool:
    return before != after


@dataclass(frozen=True)
class Effect:
    """A value of a parameter, the models to run again, a figure read from them, and how it must change."""

    value: object
    models: str
    figure: str
    moves: Changed


EFFECTS = {
    "excluded_tags": Effect(["portuguese", *HOSTILE], "stg_memory_inputs stg_memories", "select count(*) from stg_memories", fewer),
    "timezone": Effect("Asia/Tokyo", "ins_habit_inputs ins_habit_slots ins_habit_shares ins_habits", "select count(*) from ins_habits where rhythm = 'hour' and slot = '07'", fewer),
    "night_hour": Effect(9, "ltm_nights", "select min(hour(timezone('UTC', night_at))) from ltm_nights", more),
    "attention_window_minutes": Effect(30, "wm_activations", "select count(distinct window_start) from wm_activations", fewer),
    "working_memory_capacity": Effect(5, "wm_capacities attention_slots", "select count(*) from attention_slots", fewer),
    "interference_similarity": Effect(0.05, "wm_capacities", "select sum(slot_capacity) from wm_capacities", fewer),
    "activation_decay": Effect(0.8, "wm_activations", "select avg(activation_strength) from wm_activations", fewer),
    "attention_weight": Effect(0.6, "con_encoding", "select avg(encoding) from con_encoding", more),
    "emotional_weight": Effect(0.9, "con_encoding", "select avg(encoding) from con_encoding", more),
    "unknown_salience": Effect(0, "stm_episode_item_inputs stm_episode_items", "select avg(emotional_salience) from stm_episode_items", fewer),
    "session_gap_minutes": Effect(240, "stm_sessions", "select count(distinct session_id) from stm_sessions", fewer),
    "context_drift_rate": Effect(0.2, "stm_context_inputs stm_context", "select sum(context_similarity) from stm_context", other),
    "episode_boundary_similarity": Effect(
        0.4, "stm_context_inputs stm_context", "select sum(episode_number) from stm_context", more
    ),
    "hebbian_learning_rate": Effect(0.3, "con_hebbian_edges", "select avg(weight) from con_hebbian_edges", more),
    "forgetting_rate": Effect(0.2, "con_hebbian_edges", "select avg(weight) from con_hebbian_edges", fewer),
    "least_weight": Effect(0.05, "con_associations", "select sum(association_sum) from con_associations", fewer),
    "replay_budget": Effect(3, "replays", "select count(*) from replays", fewer),
    "replay_catch_up_nights": Effect(2, "ltm_nights", "select count(*) from ltm_nights where is_replay_due", fewer),
    "need_spread": Effect(0.9, "ltm_need_inputs ltm_need", "select sum(need) from ltm_need", other),
    "reminding_strength": Effect(0.1, "con_reminding_inputs con_remindings", "select avg(strength) from con_remindings", fewer),
    "reminding_budget": Effect(1, "con_reminding_inputs con_remindings", "select count(*) from con_remindings", fewer),
    "reminding_similarity": Effect(0.9, "con_reminding_inputs con_remindings", "select sum(tie) from con_remindings", fewer),
    "name_commonness": Effect(0.2, "con_reminding_inputs con_name_ties con_remindings", "select sum(tie) from con_remindings", more),
    "stability_half_days": Effect(
        2, "ltm_states memory_states", "select count(*) from memory_states where knowledge_type = 'semantic'", more
    ),
    "fsrs_weights": Effect(
        [1.0, 2.0, 9.0, 20.0, 6.4133, 0.8334, 3.0194, 0.001, 1.8722, 0.1666,
         0.796, 1.4835, 0.0614, 0.2629, 1.6483, 0.6014, 1.8729, 0.5425, 0.0912, 0.0658],
        "ltm_review_inputs ltm_reviews", "select avg(stability_days) from ltm_reviews", more,
    ),
    "fsrs_decay": Effect(0.5, "ltm_review_inputs ltm_reviews", "select sum(stability_days) from ltm_reviews", other),
    "semantic_neighbours": Effect(2, "ltm_nearest_inputs ltm_nearest ltm_semantic_edges", "select count(*) from ltm_semantic_edges", fewer),
    "semantic_similarity": Effect(0.6, "ltm_nearest_inputs ltm_nearest ltm_semantic_edges", "select min(cosine_similarity) from ltm_semantic_edges", more),
    "contiguity_lag": Effect(1, "ltm_contiguity_edges", "select count(*) from ltm_contiguity_edges", fewer),
    "contiguity_decay": Effect(0.3, "ltm_contiguity_edges", "select avg(forward_weight) from ltm_contiguity_edges", fewer),
    "contiguity_context": Effect(0.2, "ltm_contiguity_edges", "select min(backward_weight) from ltm_contiguity_edges", more),
    "contiguity_backward": Effect(0.9, "ltm_contiguity_edges", "select avg(backward_weight) from ltm_contiguity_edges", more),
    "entity_neighbours": Effect(1, "ltm_entity_edges", "select count(*) from ltm_entity_edges", fewer),
    "community_resolution": Effect(
        3.0, "ltm_night_graph_inputs ltm_communities", "select count(distinct area_id) from ltm_communities", more
    ),
    "concept_support": Effect(4, "ltm_concept_edges", "select count(*) from ltm_concept_edges", fewer),
    "supersession_similarity": Effect(0.75, "ins_revisions", "select count(*) from ins_revisions where revision_type = 'supersession'", fewer),
    "contradiction_similarity": Effect(0.3, "ins_revisions", "select count(*) from ins_revisions where revision_type = 'contradiction'", more),
    "habit_lift": Effect(20, "ins_habit_inputs ins_habits", "select count(*) from ins_habits", fewer),
    "habit_false_discoveries": Effect(0, "ins_habit_inputs ins_habits", "select count(*) from ins_habits", fewer),
    "anomaly_deviations": Effect(0.5, "ins_anomaly_candidates", "select count(*) from ins_anomaly_candidates", more),
    "prediction_horizon_days": Effect(3, "ltm_nights ltm_need_inputs ltm_need ins_need_counts ins_predictions", "select min(epoch(due_at) - epoch(night_at)) from ins_predictions", fewer),
}  # fmt: skip
# Parameters tried in one dbt run: no figure in a group depends on another's parameter or models.
GROUPS = [
    ("session_gap_minutes", "contiguity_lag", "entity_neighbours", "concept_support", "forgetting_rate", "attention_weight",
     "supersession_similarity", "habit_lift", "anomaly_deviations", "replay_budget"),
    ("contiguity_backward", "contradiction_similarity", "hebbian_learning_rate", "need_spread", "stability_half_days",
     "habit_false_discoveries",
     "emotional_weight", "reminding_budget"),
    ("replay_catch_up_nights", "interference_similarity", "semantic_neighbours", "context_drift_rate", "fsrs_decay",
     "contiguity_context", "reminding_strength", "unknown_salience"),
    ("working_memory_capacity", "semantic_similarity", "episode_boundary_similarity", "fsrs_weights",
     "prediction_horizon_days", "least_weight"),
    ("activation_decay", "community_resolution", "night_hour", "reminding_similarity"),
    ("attention_window_minutes", "contiguity_decay", "name_commonness"),
    ("timezone",),
    ("excluded_tags",),
]  # fmt: skip
# The views of schema dreams apply these, as the cycle recorded them.
IN_VIEWS = {"consolidation_threshold": 0.9}


DEFAULTS: dict[str, object] = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]


def variables() -> dict[str, object]:
    return dict(DEFAULTS)


def figure(query: str) -> float:
    with duckdb.connect(str(settings().duckdb_file), read_only=True) as cache:
        return float(cache.execute(query).fetchone()[0])


def run_models(url: str, models: str, as_of: datetime, overrides: dict[str, object]) -> None:
    parameters = {**run_parameters(overrides), "as_of": as_of.isoformat()}
    run_dbt(url, settings().duckdb_file, parameters, select=models.split(), settings=settings())


def test_each_parameter_has_a_type_and_a_range_that_its_default_meets() -> None:
    assert set(Parameters.model_fields) == set(variables()) - {"as_of"}
    check_parameters(variables())


@pytest.mark.parametrize(
    "wrong",
    [
        {"timezone": "Nowhere/City"}, {"timezone": "UTC'; drop table memories; --"}, {"timezone": "{{ env_var('HOME') }}"},
        {"timezone": 5}, {"night_hour": 24}, {"night_hour": "3) hour, now(), (1"}, {"night_hour": 3.5}, {"night_hour": True},
        {"forgetting_rate": 1}, {"forgetting_rate": -0.1}, {"forgetting_rate": float("nan")}, {"forgetting_rate": "0.1"},
        {"forgetting_rate": None}, {"forgetting_rate": 10**400}, {"activation_decay": 1}, {"stability_half_days": 0},
        {"prediction_horizon_days": 0}, {"replay_catch_up_nights": 10**9}, {"fsrs_decay": 0.0001}, {"fsrs_weights": [1.0] * 19},
        {"fsrs_weights": [1000.0] * 20}, {"fsrs_weights": "{{ 7 * 7 }}"}, {"excluded_tags": "private"},
        {"excluded_tags": [1]}, {"excluded_tags": ["nul \0"]}, {"excluded_tags": ["\udc00"]}, {"as_of": "2026-01-01"},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_parameter_cannot_be_is_refused_in_a_sentence(wrong: dict[str, object]) -> None:
    with pytest.raises(DreamsError, match=next(iter(wrong))) as refused:
        run_parameters(wrong)
    assert "\n" not in str(refused.value)


@given(st.sampled_from(sorted(Parameters.model_fields)), ANYTHING)
def test_any_value_is_taken_or_refused_by_its_name(name: str, value: object) -> None:
    try:
        check_parameters({**DEFAULTS, name: value})
    except DreamsError as error:
        assert name in str(error)
    else:
        assert type(value) in (int, float, str, list)


def test_each_parameter_has_its_test_its_documentation_and_is_recorded() -> None:
    names = set(variables()) - {"as_of"}
    assert names == set(EFFECTS) | set(IN_VIEWS)
    assert sorted(name for group in GROUPS for name in group) == sorted(EFFECTS)
    documented = (ROOT / "docs" / "biology.md").read_text()
    elsewhere = {"timezone", "night_hour"}
    assert [name for name in sorted(names) if f"`{name}`" not in documented and name not in elsewhere] == []
    recorded = re.findall(r'"(\w+)"', (PROJECT / "macros" / "parameters.sql").read_text())
    assert set(recorded) == names


@pytest.mark.parametrize("names", GROUPS, ids=" ".join)
def test_a_parameter_changes_the_outcome_it_names(dreamt_url: str, names: tuple[str, ...]) -> None:
    with connect() as connection:
        (as_of,) = connection.execute("select as_of from dreams.visible_cycle").fetchone()
    assert isinstance(as_of, datetime)
    before = {name: figure(EFFECTS[name].figure) for name in names}
    models = " ".join(dict.fromkeys(model for name in names for model in EFFECTS[name].models.split()))
    run_models(dreamt_url, models, as_of, {name: EFFECTS[name].value for name in names})
    after = {name: figure(EFFECTS[name].figure) for name in names}
    assert [
        (name, before[name], after[name]) for name in names if not EFFECTS[name].moves(before[name], after[name])
    ] == []


def test_the_threshold_of_consolidation_moves_fates(dreamt_url: str) -> None:
    query = "select count(*) from dreams.long_term_memories where fate = 'consolidated'"
    with connect() as connection:
        before = connection.execute(query).fetchone()
        connection.execute(
            "update dreams.cycles set parameters = jsonb_set(parameters, '{consolidation_threshold}', %s::text::jsonb)",
            (str(IN_VIEWS["consolidation_threshold"]),),
        )
        assert connection.execute(query).fetchone() < before


def test_the_instant_is_a_parameter(dreamt_url: str) -> None:
    run_models(dreamt_url, "stg_events", datetime(2020, 1, 1, tzinfo=UTC), {})
    assert figure("select count(*) from stg_events") == 0
