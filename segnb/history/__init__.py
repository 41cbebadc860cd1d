"""What runs have to do with each other: numbers, names, series, and scoring a new table."""
