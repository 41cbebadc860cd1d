"""Scoring, profile and migration as ibis expressions, for tables that stay in the engine where they live."""

from segnb.expressions.features import feature_columns
from segnb.expressions.scoring import score_expression
from segnb.expressions.summaries import migration_expression, migration_table, profile_expression

__all__ = ["feature_columns", "migration_expression", "migration_table", "profile_expression", "score_expression"]
