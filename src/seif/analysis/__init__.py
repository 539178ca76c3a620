"""How the instructions of a run change from turn to turn: numbers from its files, embeddings, figures."""
