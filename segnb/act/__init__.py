"""What comes of a segment: outcomes, a test plan, reading it back, and files for other tools."""

from segnb.act.campaign import baselines, learn, learnt_before, make_plan
from segnb.act.export import TARGETS, write_export
from segnb.act.learn import lessons, read_back
from segnb.act.outcomes import outcome_rates, predictive_gain, predictive_sentence
from segnb.act.plan import assign_arms, plan_tests
