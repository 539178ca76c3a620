"""Learning from instructions alone (arXiv 2510.14420): curriculum, pseudo-labels, and a reward model that judges."""
