"""Lets accelerate shard on a CPU, which it offers on GPUs alone: a plugin for tests."""

import os

from accelerate import state
from accelerate.utils import DistributedType

from seif.distributed import devices

_init = state.AcceleratorState.__init__


def _init_sharded(self, *args, fsdp_plugin=None, **options):
    _init(self, *args, fsdp_plugin=fsdp_plugin, **options)
    if self.distributed_type == DistributedType.MULTI_CPU and os.environ.get("ACCELERATE_USE_FSDP") == "true":
        self.distributed_type = state.PartialState._shared_state["distributed_type"] = DistributedType.FSDP
        if self._mixed_precision != "no":
            fsdp_plugin.set_mixed_precision(self._mixed_precision)
        self.fsdp_plugin = fsdp_plugin


state.AcceleratorState.__init__ = _init_sharded
devices.SHARDS_ON.add("cpu")
