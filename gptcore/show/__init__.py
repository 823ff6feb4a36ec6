"""What the lessons show: widgets to move by hand, and charts to keep. Needs ipywidgets and matplotlib."""

from gptcore.show.attention import AttentionView
from gptcore.show.belief import draw_belief
from gptcore.show.candidates import Candidates, draw_candidates
from gptcore.show.cost_explorer import CostExplorer
from gptcore.show.dart import Dart, draw_dart
from gptcore.show.distribution_explorer import DistributionExplorer
from gptcore.show.logit_lens import LogitLens
from gptcore.show.luck import LuckComparison
from gptcore.show.models import ModelComparison
from gptcore.show.next_token import NextToken
from gptcore.show.preflight import preflight
from gptcore.show.stepper import GenerationStepper
from gptcore.show.streaming import StreamingGenerator
from gptcore.show.timing import draw_time_per_token, read_bandwidth, time_per_token
from gptcore.show.token_explorer import TokenExplorer
from gptcore.show.training_monitor import TrainingMonitor, draw_losses

__all__ = [
    "AttentionView",
    "Candidates",
    "CostExplorer",
    "Dart",
    "DistributionExplorer",
    "GenerationStepper",
    "LogitLens",
    "LuckComparison",
    "ModelComparison",
    "NextToken",
    "StreamingGenerator",
    "TokenExplorer",
    "TrainingMonitor",
    "draw_belief",
    "draw_candidates",
    "draw_dart",
    "draw_losses",
    "draw_time_per_token",
    "preflight",
    "read_bandwidth",
    "time_per_token",
]
