"""Step 5: compare with an earlier segmentation and decide what to do next."""

from segnb.iterate.changes import (
    Changes,
    decompose,
    match_segments,
    migration,
    migration_shares,
    mobility,
    value_moved,
    withhold_matches,
    withhold_small,
)
from segnb.iterate.decision import Decision, decide, refit_interval, replay, replay_sentence
from segnb.iterate.drift import drift, population_stability
from segnb.iterate.snapshot import Snapshot

__all__ = [
    "Changes",
    "Decision",
    "Snapshot",
    "decide",
    "decompose",
    "drift",
    "match_segments",
    "migration",
    "migration_shares",
    "mobility",
    "population_stability",
    "refit_interval",
    "replay",
    "replay_sentence",
    "value_moved",
    "withhold_matches",
    "withhold_small",
]
