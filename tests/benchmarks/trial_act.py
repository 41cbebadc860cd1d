"""The trial of planned tests: do intervals cover, are false discoveries few, is power as planned (`make trial`)?"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from campaigns import SIZES, simulate

DRAWS = 1000
PAGE = Path(__file__).parent / "act.md"

HEAD = """# Can a test of an action be believed?

{draws:,} simulated campaigns, each planned from a period before it and read back: segments of {sizes} customers with a
skewed spend that goes with what they had spent before. Two segments have the smallest effect that the plan says it
sees, the other two none.

| | measured | goal |
| --- | ---: | ---: |
"""


def main() -> None:
    """Measure, and write the page."""
    found = simulate(DRAWS, seed=2027)
    rows = [
        ("95 % intervals that cover the truth", found["coverage"], "0.93 to 0.97"),
        ("campaigns that call an action right in a segment without an effect", found["false_discoveries"], "≤ 0.05"),
        ("planted effects that are found", found["power"], "0.75 to 0.85"),
    ]
    table = "".join(f"| {what} | {value:.3f} | {goal} |\n" for what, value, goal in rows)
    PAGE.write_text(HEAD.format(draws=DRAWS, sizes=", ".join(f"{size:,}" for size in SIZES)) + table, encoding="utf-8")


if __name__ == "__main__":
    main()
