"""A plugin for tests: the second process runs out of memory in its second step."""

import torch

from seif.training import callbacks, ranks

_begin = callbacks.SeedUpdates.on_step_begin


def _begin_or_fail(self, args, state, control, **options):
    if ranks.current().rank == 1 and state.global_step == 1:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return _begin(self, args, state, control, **options)


callbacks.SeedUpdates.on_step_begin = _begin_or_fail
