"""Step 1: choose the columns, clean the rows, and make the scaled matrix that k-means sees."""

from segnb.prepare.clean import Prepared, check_numeric, prepare
from segnb.prepare.overview import overview, sentences
from segnb.prepare.pipeline import build_pipeline, numbers, original_units

__all__ = [
    "Prepared",
    "build_pipeline",
    "check_numeric",
    "numbers",
    "original_units",
    "overview",
    "prepare",
    "sentences",
]
