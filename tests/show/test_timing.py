from matplotlib.figure import Figure

from gptcore.show import plot_time_per_token


def test_the_chart_shows_milliseconds():
    figure = Figure()
    ax = figure.subplots()
    plot_time_per_token(ax, [10, 20], {"without": [0.01, 0.02], "with": [0.005, 0.005]})
    assert [list(line.get_ydata()) for line in ax.lines] == [[10, 20], [5, 5]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["without", "with"]
    assert len({line.get_linestyle() for line in ax.lines}) == len({line.get_marker() for line in ax.lines}) == 2
    figure.canvas.draw()
