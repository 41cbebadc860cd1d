"""What comes of a segment: outcomes, a test plan, reading it back, and files for other tools."""

from segnb.act.campaign import baselines, learn, learnt_before, make_plan
from segnb.act.experiment import assign_arms, lessons, plan_tests, read_back
from segnb.act.export import TARGETS, write_export
from segnb.act.outcomes import outcome_rates, predictive_gain, predictive_sentence
