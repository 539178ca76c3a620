"""`python -m seif`."""

from seif.cli import main

main()
