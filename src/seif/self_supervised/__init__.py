"""Learning from instructions alone (arXiv 2510.14420): curriculum, pseudo-labels, reward model, the Judger it makes."""
