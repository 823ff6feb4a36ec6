"""Training in several processes at once: each learns from its share of the rows, and all keep the same weights.

PyTorch's own engine does the work: `torchrun` starts the processes, and DistributedDataParallel averages their
gradients. Before `torch.distributed.init_process_group()` there is one process, and nothing here does anything.
"""

from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """This process, number `rank` of the `count` that train together; their models are on devices like `device`."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @classmethod
    def together(cls, device: torch.device) -> "Processes":
        """All processes that have called `torch.distributed.init_process_group()`, or else this one alone."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return cls(device, torch.distributed.get_rank(), torch.distributed.get_world_size())
        return cls(device)

    def connected(self, model: nn.Module) -> nn.Module:
        """`model`, with gradients that are averaged over all processes; all begin with the weights of number 0."""
        return model if self.count == 1 else nn.parallel.DistributedDataParallel(model)

    def share(self, rows: Tensor) -> Tensor:
        """The part of the rows (B, T) that this process reads, (B / count, T)."""
        return rows.chunk(self.count)[self.rank]

    def sum(self, values: Tensor) -> Tensor:
        """`values` added up over all processes: every one of them gets the same."""
        if self.count > 1:
            values = values.clone()
            torch.distributed.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in one of the processes."""
        return flag if self.count == 1 else bool(self.sum(torch.tensor(float(flag), device=self.device)))
