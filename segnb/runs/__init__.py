"""Runs: their folders and artifacts, carrying the notebooks out, and the pages made of them."""
