"""yellowbrick's visualizers, imported without the changes to matplotlib's settings that its import makes.

They only draw figures that segnb computed: their own fitting fails with scikit-learn 1.8 and later.
"""

import warnings

import matplotlib as mpl

with mpl.rc_context(), warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from yellowbrick.cluster import InterclusterDistance, KElbowVisualizer, SilhouetteVisualizer
    from yellowbrick.features import Rank2D
    from yellowbrick.utils.kneed import KneeLocator

__all__ = ["InterclusterDistance", "KElbowVisualizer", "KneeLocator", "Rank2D", "SilhouetteVisualizer"]
