"""One command per measurement, each printing JSON."""
