"""Whether training and evaluation fit into memory, asked before any work.

These are lower bounds, counted from the shapes: what is refused here cannot fit. What fits by this count may still be
too much, and `gptcore.training.evaluation.fitting_into_memory` says so then.
"""

from torch import Tensor

from gptcore.language import _
from gptcore.memory import check_room
from gptcore.model import GPTModel
from gptcore.training.settings import TrainingSettings

FLOAT32 = 4  # bytes


def check_training(model: GPTModel, settings: TrainingSettings, rows: int, keeps_best: bool) -> None:
    """Raise MemoryError unless one step with `rows` rows of this process fits beside the model.

    Per weight there are a gradient and the two moments of AdamW, and a copy if the best weights are kept; per token
    what each layer keeps for the way back, and scores, probabilities and gradients of the whole vocabulary.
    """
    config = model.config
    trained = [p for p in model.parameters() if p.requires_grad]
    weights = sum(p.nbytes * (2 + (p.grad is None)) for p in trained)
    best = sum(p.nbytes for p in model.parameters()) if keeps_best else 0
    itemsize = (settings.autocast or model.dtype).itemsize
    kept = config.n_layers * (8 * config.emb_dim + 2 * config.hidden_dim) * itemsize
    tokens = rows * config.context_length
    needed = weights + best + tokens * (kept + 3 * FLOAT32 * config.vocab_size)
    instead = _("choose a smaller batch_size, or a smaller model")
    what = _("training with batch_size={batch_size}").format(batch_size=settings.batch_size)
    check_room(what, needed, model.device, instead)


def check_evaluation(model: GPTModel, rows: list[Tensor], batch_size: int) -> None:
    """Raise MemoryError unless the batch with the longest rows fits: scores and probabilities of the vocabulary."""
    tokens = min(batch_size, len(rows)) * (max(map(len, rows)) - 1)
    needed = tokens * 2 * FLOAT32 * model.config.vocab_size
    what = _("evaluating with batch_size={batch_size}").format(batch_size=batch_size)
    check_room(what, needed, model.device, _("choose a smaller batch_size"))
