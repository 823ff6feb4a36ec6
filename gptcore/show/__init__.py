"""What the lessons show: widgets to move by hand, and charts to keep. Needs ipywidgets and matplotlib."""

from gptcore.show.candidates import Candidates, draw_candidates
from gptcore.show.dart import Dart, draw_dart
from gptcore.show.distribution_explorer import DistributionExplorer
from gptcore.show.luck import LuckComparison
from gptcore.show.next_token import NextToken
from gptcore.show.preflight import preflight
from gptcore.show.stepper import GenerationStepper
from gptcore.show.streaming import StreamingGenerator
from gptcore.show.token_explorer import TokenExplorer

__all__ = [
    "Candidates",
    "Dart",
    "DistributionExplorer",
    "GenerationStepper",
    "LuckComparison",
    "NextToken",
    "StreamingGenerator",
    "TokenExplorer",
    "draw_candidates",
    "draw_dart",
    "preflight",
]
