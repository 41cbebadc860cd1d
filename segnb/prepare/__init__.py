"""Step 1: choose the columns, clean the rows, and make the scaled matrix that k-means sees."""

from segnb.prepare.clean import PREPARING, ROLES, Prepared, check_numeric, overview, prepare, sentences
from segnb.prepare.pipeline import numbers, original_units
