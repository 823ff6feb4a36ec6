"""Teaching a GPT, and measuring what it has learned."""

from gptcore.training.fitting import Evaluation, History, Progress, evaluate, fit, read_text

__all__ = ["Evaluation", "History", "Progress", "evaluate", "fit", "read_text"]
