from pathlib import Path

import pytest
import torch

from gptcore.fast.pages import PAGE, in_large_pages

MAPS = Path("/proc/self/smaps")


def asked(address):
    """Whether Linux was asked for large pages at this address."""
    inside = False
    for line in MAPS.read_text().splitlines():
        first, *words = line.split()
        if "-" in first and not first.endswith(":"):
            begin, end = (int(number, 16) for number in first.split("-"))
            inside = begin <= address < end
        elif first == "VmFlags:" and inside:
            return "hg" in words
    return None


def test_whole_pages_of_a_tensor_are_asked_for():
    if not MAPS.is_file() or asked(torch.empty(1).data_ptr()) is None:
        pytest.skip("this system does not say")
    for shape in ((3 * PAGE,), (3 * PAGE // 8, 2)):
        tensor = torch.empty(shape, dtype=torch.uint8 if len(shape) == 1 else torch.float32)
        assert in_large_pages(tensor) is tensor
        assert asked(-(-tensor.data_ptr() // PAGE) * PAGE)


@pytest.mark.parametrize("tensor", [torch.empty(0), torch.empty(5), torch.empty(PAGE, device="meta")])
def test_other_tensors_come_back_as_they_are(tensor):
    assert in_large_pages(tensor) is tensor
