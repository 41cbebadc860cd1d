"""What comes of a segment: outcomes, a test plan, reading it back, and files for other tools."""

from segnb.act.experiment import assign_arms, check_results, lessons, plan_tests, read_back
from segnb.act.outcomes import outcome_rates, predictive_gain, predictive_sentence
