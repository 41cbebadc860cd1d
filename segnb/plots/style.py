"""One look for all figures, and one colour per segment in every figure of a run."""

from collections.abc import Callable
from functools import wraps

import matplotlib as mpl
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes

INK, MUTED, ACCENT, WARNING = "#222831", "#8a939e", "#0072b2", "#d55e00"

THEME = (
    sns.axes_style("whitegrid")
    | sns.plotting_context("notebook", font_scale=0.9)
    | {
        "text.parse_math": False,
        "font.family": ["sans-serif"],
        "font.sans-serif": ["DejaVu Sans"],
        "axes.edgecolor": "#c9ced6",
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.titlesize": 11,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": "#eceff3",
        "text.color": INK,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
    }
)


def styled(draw: Callable) -> Callable:
    """Let a drawing function work in segnb's look without changing anybody's settings."""

    @wraps(draw)
    def wrapper(*args, **kwargs):
        with mpl.rc_context(THEME):
            return draw(*args, **kwargs)

    return wrapper


def new_axes(ax: Axes | None, width: float = 7.5, height: float = 4.2) -> Axes:
    """Return `ax`, or the axes of a new figure of this size in inches."""
    return ax if ax is not None else plt.subplots(figsize=(width, height))[1]
