"""`python -m segnb` is `segnb`."""

from segnb.cli import main

if __name__ == "__main__":
    main()
