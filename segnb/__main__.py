"""`python -m segnb` is `segnb`."""

from segnb.cli import main

main()
