"""A first look at unknown files, and the preset written from it: segnb init."""
