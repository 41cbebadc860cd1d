"""Step 1: choose the columns, clean the rows, and make the scaled matrix that k-means sees."""

from segnb.prepare.clean import PREPARING, ROLES, Prepared, check_columns_used, overview, prepare, sentences
from segnb.prepare.pipeline import inputs, level_blocks, original_units
