"""Numbers and column names the way a person writes them."""

import math
import re

ENTRANTS, LEAVERS = "entrants", "leavers"
"""Customers who were not there before, and those who no longer are."""


def number(value: float, digits: int = 3) -> str:
    """Return a number with `digits` significant digits at least, thousands separated, no exponent below a trillion.

    >>> number(12345.678), number(0.012345), number(5.5), number(7.0)
    ('12,346', '0.0123', '5.5', '7')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value) or abs(value) >= 1e12:
        return f"{value:.3g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:,.{min(decimals, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """Return a share in percent, with a decimal below ten.

    >>> percent(0.314), percent(0.0314)
    ('31%', '3.1%')
    """
    if share is None or math.isnan(share):
        return "–"
    return f"{share:.0%}" if abs(share) >= 0.0995 or share == 0 else f"{share:.1%}"


def label(column: str) -> str:
    """Return a column's name as words, days at its end in brackets.

    >>> label("days_between_orders"), label("recency_days"), label("share_toys")
    ('days between orders', 'recency (days)', 'share of toys')
    """
    words = re.sub(r"^share_(?!of_)", "share of ", str(column)).replace("_", " ").strip()
    return f"{words.removesuffix(' days')} (days)" if words.endswith(" days") else words


def listed(items: list[str]) -> str:
    """Return the items as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else "none"


def probability(p: float) -> str:
    """Return a p-value with three decimals, or that it is smaller.

    >>> probability(0.04), probability(1e-9)
    ('0.040', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def is_share(column: object) -> bool:
    """Return whether a column holds shares from 0 to 1, by its name.

    >>> is_share("discount_share"), is_share("share_toys"), is_share("spend")
    (True, True, False)
    """
    name = str(column)
    return name in ("precision", "coverage", "unassigned") or name.endswith("share") or name.startswith("share_")


def figure(column: str, value: float) -> str:
    """Return a column's value: shares in percent, the rest as a number.

    >>> figure("share_toys", 0.25), figure("orders", 3.5)
    ('25%', '3.5')
    """
    return percent(value) if is_share(column) and 0 <= value <= 1 else number(value)


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters, cut with an ellipsis.

    >>> shortened("frequent, mostly home", 10)
    'frequent,…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"
