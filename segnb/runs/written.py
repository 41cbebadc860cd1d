"""Which step writes which artifact."""

WRITTEN_BY = {
    "prepare": ("customers.parquet", "features.parquet", "prepare.skops", "prepare.json", "row_log.csv"),
    "choose_k": ("evidence.csv", "choice.json"),
    "cluster": (
        "segments.parquet",
        "labelled.csv",
        "centres.csv",
        "model.skops",
        "agreement.csv",
        "stability.csv",
        "numbering.json",
    ),
    "interpret": (
        "sizes.csv",
        "profiles.csv",
        "effects.csv",
        "category_effects.csv",
        "descriptor_tests.csv",
        "rules.csv",
        "cards.json",
        "cards.md",
        "segments.csv",
    ),
    "iterate": (
        "matches.csv",
        "migration.csv",
        "value_moved.csv",
        "drift.csv",
        "replay.csv",
        "decision.json",
        "timeline.csv",
    ),
}
"""The artifacts of each step."""
