import pytest

from gptcore.units import bytes_text, seconds_text, three_digits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (bytes_text(0), "0 bytes"),
        (bytes_text(999), "999 bytes"),
        (bytes_text(999.6), "1 kB"),
        (bytes_text(497_759_232), "498 MB"),
        (bytes_text(9.71e6), "9.71 MB"),
        (bytes_text(75_497_472), "75.5 MB"),
        (bytes_text(10e9), "10 GB"),
        (bytes_text(4e12), "4 TB"),
        (seconds_text(0.02488), "24.9 ms"),
        (seconds_text(1), "1 s"),
        (seconds_text(2.5e-7), "0.25 µs"),
        (seconds_text(0.1), "100 ms"),
    ],
)
def test_units_for_people(text, expected):
    assert text == expected


def test_three_digits_are_shown_unless_the_last_are_zeros_or_the_number_is_large():
    values = {0: "0", 2: "2", 2.504: "2.5", 9.996: "10", 99.96: "100", 1234.6: "1,235"}
    assert {value: three_digits(value) for value in values} == values
