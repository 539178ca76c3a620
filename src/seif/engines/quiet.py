"""What the libraries print of their own accord."""

from __future__ import annotations

import logging
import os
import warnings


def quiet() -> None:
    """Keep the libraries' progress bars, advice and questions out of ours; their errors still come through."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import datasets
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    # A checkpoint with code of its own is an error at once, and no question that waits for an answer.
    transformers.dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0
    for library in ("trl", "huggingface_hub"):
        logging.getLogger(library).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(torch|trl|transformers|accelerate|peft)\b")
