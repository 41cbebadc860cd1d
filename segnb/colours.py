"""One colour per segment, the same in every figure and on every page of a run."""

import colorsys
from collections.abc import Iterable

SEGMENT_COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#7f6a00",
    "#5d4e9b",
    "#8a939e",
    "#222831",
)
"""After Okabe and Ito's palette, which people with any kind of colour vision can tell apart."""


def segment_colours(segments: Iterable[int]) -> dict[int, str]:
    """Return the colour of each segment number; beyond ten, evenly spaced hues.

    >>> segment_colours([2, 1, 12])
    {1: '#0072b2', 2: '#e69f00', 12: '#2e78c2'}
    """
    return {n: _colour(n) for n in sorted({int(segment) for segment in segments})}


def _colour(number: int) -> str:
    if number <= len(SEGMENT_COLOURS):
        return SEGMENT_COLOURS[number - 1]
    hue = (number * 0.381966) % 1
    red, green, blue = colorsys.hls_to_rgb(hue, 0.47, 0.62)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
