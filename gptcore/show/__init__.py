"""What the lessons show: widgets to move by hand, and charts to keep. Needs ipywidgets and matplotlib.

Each is imported when it is asked for: a lesson waits only for what it shows, and `preflight` can say what is missing.
"""

from importlib import import_module

from gptcore.show.preflight import preflight

_MODULES = {
    "attention": ["AttentionView"],
    "belief": ["plot_belief"],
    "candidates": ["Candidates", "plot_candidates"],
    "charts": ["chart"],
    "cost_explorer": ["CostExplorer"],
    "dart": ["Dart", "plot_dart"],
    "distribution_explorer": ["DistributionExplorer"],
    "future_tree": ["FutureTree"],
    "logit_lens": ["LogitLens"],
    "machine": ["Machine"],
    "settings_comparison": ["SettingsComparison"],
    "model_comparison": ["ModelComparison"],
    "next_token": ["NextToken"],
    "prediction": ["Prediction"],
    "plots": ["plot_bars", "plot_futures", "plot_level", "plot_lines", "plot_pairs", "plot_scores"],
    "precision_explorer": ["PrecisionExplorer"],
    "printing": ["print_text"],
    "style": ["percent"],
    "stepper": ["GenerationStepper"],
    "story": ["Story"],
    "streaming": ["StreamingGenerator"],
    "text_scorer": ["TextScorer"],
    "timing": ["plot_time_per_token"],
    "token_explorer": ["TokenExplorer"],
    "training_monitor": ["TrainingMonitor"],
    "training_record": ["plot_losses"],
}
_WHERE = {name: f"gptcore.show.{module}" for module, names in _MODULES.items() for name in names}

__all__ = ["preflight", *_WHERE]


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"module 'gptcore.show' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
