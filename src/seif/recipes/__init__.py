"""The algorithms: one file per paper, over the stages of `turns.py`."""
