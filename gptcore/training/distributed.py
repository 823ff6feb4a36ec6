"""Training in several processes at once: each learns from its share of the rows, and all keep the same weights.

PyTorch's own engine does the work: `torchrun` starts the processes, and DistributedDataParallel averages their
gradients. Before `torch.distributed.init_process_group()` there is one process, and nothing here does anything.

Every process calls `fit` with the same arguments. The `batch_size` rows of a step are divided among them, and the
weights come out as if one process had read them all; only process 0 writes checkpoints and calls `on_progress`.
`torchrun --nproc-per-node 2 tales.py` starts two, where tales.py is

    torch.distributed.init_process_group()
    model = GPTModel(config)  # on a GPU: .to(f"cuda:{os.environ['LOCAL_RANK']}")
    fit(model, train_ids, val_ids, max_steps=2000, batch_size=32)
    if torch.distributed.get_rank() == 0:
        save("tales", model, tokenizer)
    torch.distributed.destroy_process_group()
"""

from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """This process, number `rank` of `count` that train together; the model of each is on a device like `device`."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @classmethod
    def together(cls, device: torch.device) -> "Processes":
        """All processes, once `torch.distributed.init_process_group()` was called; otherwise this one alone."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return cls(device, torch.distributed.get_rank(), torch.distributed.get_world_size())
        return cls(device)

    def connected(self, model: nn.Module) -> nn.Module:
        """`model` with gradients averaged over all processes, which all start from the weights of number 0."""
        return model if self.count == 1 else nn.parallel.DistributedDataParallel(model)

    def share(self, rows: Tensor) -> Tensor:
        """The part of the rows (B, T) that this process reads, (B / count, T)."""
        return rows.chunk(self.count)[self.rank]

    def sum(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes, the same in each of them."""
        if self.count > 1:
            values = values.clone()
            torch.distributed.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in any of the processes."""
        return flag if self.count == 1 else bool(self.sum(torch.tensor(float(flag), device=self.device)))
