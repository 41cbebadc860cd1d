"""Step 5: compare with an earlier segmentation and decide what to do next."""

from segnb.iterate.changes import Changes, decompose
from segnb.iterate.decision import Decision, decide
from segnb.iterate.drift import drift, population_stability
from segnb.iterate.matching import match_segments
from segnb.iterate.migration import migration, migration_shares, mobility, withhold_small
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
    "withhold_small",
]
