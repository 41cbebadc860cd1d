"""Which step writes which artifact."""

WRITTEN_BY = {
    "prepare": ("customers.parquet", "features.parquet", "prepare.skops", "prepare.json", "row_log.csv"),
    "choose_k": ("evidence.csv", "choice.json"),
    "cluster": ("segments.parquet", "labelled.csv", "centres.csv", "model.skops", "agreement.csv"),
    "interpret": ("profiles.csv", "effects.csv", "rules.csv", "cards.json", "segments.csv"),
    "iterate": ("matches.csv", "migration.csv", "drift.csv", "decision.json"),
}
"""The artifacts of each step."""
