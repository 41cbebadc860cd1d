"""From which value on a figure is called good, in decisions and in figures alike."""

COMES_BACK = 0.8
"""Prediction strength and stability from here on: the segments come back on other samples."""

FOUND_AGAIN = 0.75
"""Jaccard index of a segment from here on: models of other samples find it again."""

LIGHTS = {0.0: "unstable", 0.6: "doubtful", FOUND_AGAIN: "stable", 0.85: "highly stable"}
"""What a segment's Jaccard index means from each value on: Hennig, Comput. Stat. Data Anal. 52, 2007."""

LARGEST = 1e15
"""Beyond this a float64 no longer holds the cents and sums of squares lose their meaning."""
