"""Hours and memory of a run, from a config, a model's sizes and a machine's rates: nothing is loaded or downloaded."""
