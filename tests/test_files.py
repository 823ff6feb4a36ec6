import stat

import pytest

from gptcore.files import write_text, written_whole


def test_a_file_is_replaced_when_the_block_ends(tmp_path):
    file = tmp_path / "story.txt"
    file.write_text("old")
    with written_whole(file) as temporary:
        temporary.write_text("new")
        assert file.read_text() == "old" and temporary.parent.parent == tmp_path
    assert file.read_text() == "new" and list(tmp_path.iterdir()) == [file]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "story.txt"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), written_whole(file) as temporary:
        temporary.write_text("ha")
        raise KeyboardInterrupt
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_file_has_the_permissions_of_any_other_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with written_whole(tmp_path / "written") as temporary:
        temporary.touch(mode=0o600)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_text_is_written_as_utf_8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "story.txt", "옛날\n옛적에\r\n")
    assert (tmp_path / "story.txt").read_bytes() == "옛날\n옛적에\r\n".encode()
