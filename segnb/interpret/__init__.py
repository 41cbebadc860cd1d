"""Step 4: what the segments are like, what marks them, what to call them and what to do."""

from segnb.interpret.cards import Card, cards_markdown, make_cards
from segnb.interpret.effects import category_effects, descriptor_tests, effects, feature_importance, few_levels
from segnb.interpret.profiles import Rules, centre_scores, describe_by_rules, profiles, segment_sizes, value_column
