"""Step 5: compare with an earlier segmentation and decide what to do next."""

from segnb.iterate.changes import Changes, compared_with, decompose, match_segments, migration, value_moved
from segnb.iterate.decision import Decision, decide, drift, mobility_sentence
from segnb.iterate.snapshot import NOTHING_BEFORE, Snapshot, unclipped
