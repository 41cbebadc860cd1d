"""HTML: the pages of a run, its summary, and the list of all runs."""
