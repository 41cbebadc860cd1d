"""A first look at files nobody here has seen, and the preset written from it: segnb init."""
