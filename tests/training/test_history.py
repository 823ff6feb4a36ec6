from gptcore.training import fit
from tests.training.circle import CIRCLE, make_model, quick


def test_time_and_speed_are_told():
    history = fit(make_model(), CIRCLE, **quick(max_steps=20), report_interval=10)
    assert [report.seconds_left > 0 for report in history.reports] == [True, False]
    assert all(report.tokens_per_second > 0 for report in history.reports)
