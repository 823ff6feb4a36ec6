"""The band above a widget: the whole machine on one line, from a text to its next token."""

from typing import Any

from gptcore.model import GPTModel
from gptcore.sampling import Distribution
from gptcore.tokenizer import token_label


def band(
    text: str,
    token_ids: list[int],
    model: GPTModel,
    tokenizer: Any = None,
    distribution: Distribution | None = None,
    uniform: float | None = None,
    token_id: int | None = None,
) -> dict[str, Any]:
    """The numbers of the band; what is not known yet is left out."""
    numbers = {
        "characters": len(text),
        "tokens": len(token_ids),
        "layers": model.config.n_layers,
        "logits": model.config.vocab_size,
    }
    if distribution is not None:
        likeliest = int(distribution.probs.argmax())
        numbers["likeliest"] = token_label(tokenizer, likeliest)
        numbers["prob"] = distribution.probs[likeliest].item()
    if uniform is not None:
        numbers["uniform"] = uniform
    if token_id is not None:
        numbers["next"] = token_label(tokenizer, token_id)
    return numbers
