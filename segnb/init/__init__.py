"""A first look at tables nobody here has seen, and the preset written from it."""
