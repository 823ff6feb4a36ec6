"""Teaching a GPT, and measuring what it has learned."""

from gptcore.training.batches import read_text
from gptcore.training.evaluation import Evaluation, evaluate
from gptcore.training.fitting import fit, fit_steps
from gptcore.training.history import History, Progress
from gptcore.training.settings import TrainingSettings

__all__ = ["Evaluation", "History", "Progress", "TrainingSettings", "evaluate", "fit", "fit_steps", "read_text"]
