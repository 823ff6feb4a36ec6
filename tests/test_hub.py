"""A small hub on this machine stands in for the real one: the hub's own library talks to it."""

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
import torch
from huggingface_hub import constants
from nbclient import NotebookClient
from transformers import GPT2Config, GPT2LMHeadModel

from gptcore import load, load_model, load_tokenizer
from gptcore.hub import HUB_MODELS, STORYTELLER, Unavailable, find_folder, first_available, licence
from gptcore.units import bytes_text

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SHA = "5" * 40


class Hub(ThreadingHTTPServer):
    """What the server knows: `models[name]` is a folder; `errors[path]` is a status and the hub's code for it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.models: dict[str, Path] = {}
        self.settings: dict[str, dict] = {}
        self.revisions = {"main"}
        self.errors: dict[str, tuple[int, str | None]] = {}
        self.asked: list[str] = []
        self.cut: set[str] = set()  # files of which only half is sent
        self.cuts = 10**6  # how often
        self.ranges: list[str] = []  # what was asked for to continue
        self.pages: list[str] = []  # parts of paths that are answered with a page of HTML, as by a network's login
        self.silent: list[str] = []  # and those that are not answered until `end`
        self.end = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def fetched(self) -> list[str]:
        """The files that were asked for, in order."""
        return [path.rpartition("/")[2] for path in self.asked if path.startswith("GET") and "/resolve/" in path]


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.answer(True)

    def do_HEAD(self) -> None:
        self.answer(False)

    def answer(self, with_body: bool) -> None:
        path = self.path.partition("?")[0].replace("%2F", "/")
        self.server.asked.append(f"{self.command} {path}")
        if any(part in f"{self.command} {path}" for part in self.server.silent):
            return self.server.end.wait()
        if any(part in path for part in self.server.pages):
            return self.send(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>", with_body)
        for part, (status, code) in self.server.errors.items():
            if part in path:
                return self.send(status, {"X-Error-Code": code} if code else {}, b"", with_body)
        if found := re.fullmatch(r"/api/models/(.+?)(?:/revision/(.+))?", path):
            name, revision = found[1], found[2] or "main"
        elif found := re.fullmatch(r"/(.+?)/resolve/(.+)/([^/]+)", path):
            name, revision = found[1], found[2]
        else:
            return self.send(404, {}, b"", with_body)
        if name not in self.server.models:
            return self.send(401, {"X-Error-Code": "RepoNotFound"}, b"", with_body)
        if revision not in self.server.revisions | {SHA}:
            return self.send(404, {"X-Error-Code": "RevisionNotFound"}, b"", with_body)
        folder = self.server.models[name]
        if path.startswith("/api/"):
            files = [{"rfilename": file.name, "size": file.stat().st_size} for file in sorted(folder.iterdir())]
            info = {"id": name, "sha": SHA, "siblings": files, **self.server.settings.get(name, {})}
            return self.send(200, {"Content-Type": "application/json"}, json.dumps(info).encode(), with_body)
        file = folder / found[3]
        if not file.is_file():
            return self.send(404, {"X-Error-Code": "EntryNotFound"}, b"", with_body)
        data = file.read_bytes()
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": SHA}
        status = 200
        if asked := self.headers.get("Range"):
            self.server.ranges.append(asked)
            status, first = 206, int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            data = data[first:]
        cut = with_body and file.name in self.server.cut and self.server.cuts > 0
        self.server.cuts -= cut
        self.send(status, headers, data, with_body, cut)

    def send(self, status: int, headers: dict, data: bytes, with_body: bool, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(data[: len(data) // 2] if cut else data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub to which the hub's library goes, with an empty cache."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield server
    server.end.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def published(hub, tiny_folder, tmp_path):
    """published(name, …): a tiny model on the hub, with a card; the folder that holds its files."""

    def publish(name: str, card_licence: str = "mit", model_type: str = "gpt2") -> Path:
        folder = tmp_path / "published" / name.replace("/", "--")
        shutil.copytree(tiny_folder, folder)
        (folder / "README.md").write_text(f"---\nlicense: {card_licence}\n---\n# A model\n")
        hub.models[name] = folder
        hub.settings[name] = {"cardData": {"license": card_licence}, "config": {"model_type": model_type}}
        return folder

    return publish


@pytest.fixture
def no_network(monkeypatch):
    """From now on every connection is refused and recorded."""
    refused = []

    def refuse(*arguments, **settings):
        refused.append(arguments)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused by the test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return refused


def in_cache(name: str, folder: Path, cache: Path, revision: str = "main") -> Path:
    """Lay out the files of `folder` in `cache` as the hub's library does."""
    repo = cache / f"models--{name.replace('/', '--')}"
    snapshot = repo / "snapshots" / SHA
    shutil.copytree(folder, snapshot)
    (repo / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
    (repo / "refs" / revision).write_text(SHA)
    return snapshot


# Downloading


@pytest.mark.parametrize("name", [*HUB_MODELS, "openai-community/gpt2", "owner/name"])
def test_the_size_and_the_licence_come_first_and_then_the_files(published, hub, name, capsys, monkeypatch):
    folder = published(name)
    (folder / "pytorch_model.bin").write_bytes(b"never fetched")
    (folder / "onnx.safetensors").write_bytes(b"never fetched")
    told = []
    monkeypatch.setattr("builtins.print", lambda *words, **_: told.append((" ".join(words), list(hub.fetched))))
    model, tokenizer = load(name, device="cpu")
    assert model.config.vocab_size == len(tokenizer)
    files = ["README.md", "config.json", "merges.txt", "tokenizer_config.json", "vocab.json", "model.safetensors"]
    size = sum((folder / file).stat().st_size for file in files)
    assert told == [(f"{name}: {bytes_text(size)} to download once from the Hugging Face hub, licence mit", [])]
    assert hub.fetched == files
    assert "pytorch_model.bin" not in [path.name for path in find_folder(name).iterdir()]


@pytest.fixture
def downloaded(published, hub, capsys):
    """A model of the hub that is in the cache already."""
    published("owner/name", card_licence="cc-by-nc-sa-4.0")
    load("owner/name", device="cpu")
    capsys.readouterr()
    hub.asked.clear()
    return "owner/name"


def test_the_second_load_needs_no_connection_and_prints_nothing(downloaded, hub, capsys, no_network):
    model, tokenizer = load(downloaded, device="cpu")
    assert model.config.vocab_size == len(tokenizer)
    assert licence(downloaded) == "cc-by-nc-sa-4.0"
    assert capsys.readouterr() == ("", "")
    assert no_network == [] and hub.asked == []


def test_a_tokenizer_alone_does_not_fetch_the_weights(published, hub, capsys):
    published("owner/name")
    tokenizer = load_tokenizer("owner/name")
    assert tokenizer.decode(tokenizer.encode("Once upon a time")) == "Once upon a time"
    assert "model.safetensors" not in hub.fetched
    assert "to download once" in capsys.readouterr().out
    hub.asked.clear()
    load("owner/name", device="cpu")
    assert hub.fetched == ["model.safetensors"]


def test_only_what_is_missing_is_counted_and_fetched(published, hub, capsys):
    folder = published("owner/name")
    cached = find_folder("owner/name")
    for file in ("vocab.json", "config.json"):
        (cached / file).resolve().unlink()
        (cached / file).unlink()
    capsys.readouterr()
    hub.asked.clear()
    assert find_folder("owner/name") == cached
    assert sorted(hub.fetched) == ["config.json", "vocab.json"]
    size = sum((folder / file).stat().st_size for file in ("vocab.json", "config.json"))
    assert f"{bytes_text(size)} to download" in capsys.readouterr().out


def test_an_interrupted_download_is_one_sentence_and_is_resumed(published, hub, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the library waits between its attempts
    published("owner/name")
    hub.cut.add("model.safetensors")
    with pytest.raises(Unavailable, match="'owner/name'.*or use the bundled model"):
        load("owner/name")
    hub.cut.clear()
    hub.asked.clear()
    load("owner/name", device="cpu")
    assert set(hub.fetched) == {"model.safetensors"}


def test_a_download_that_breaks_off_goes_on_where_it_was(published, hub, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    folder = published("owner/name")
    hub.cut, hub.cuts = {"model.safetensors"}, 3
    assert find_folder("owner/name").joinpath("model.safetensors").read_bytes() == weights_of(folder)
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in hub.ranges]
    assert len(starts) == 3 and 0 < starts[0] < starts[1] < starts[2] < len(weights_of(folder))


def weights_of(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_a_broken_link_in_the_cache_counts_as_missing(published, hub):
    published("owner/name")
    file = find_folder("owner/name") / "model.safetensors"
    file.resolve().unlink()
    assert file.is_symlink() and not file.exists()
    hub.asked.clear()
    load("owner/name", device="cpu")
    assert hub.fetched == ["model.safetensors"]


def test_weights_in_several_files_are_fetched_and_a_missing_one_is_noticed(published, hub, tiny_folder):
    from safetensors.torch import load_file, save_file

    folder = published("owner/name")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    halves = {name: dict(list(weights.items())[i::2]) for i, name in enumerate(names)}
    for name, half in halves.items():
        save_file(half, folder / name, metadata={"format": "pt"})
    where = {key: name for name, half in halves.items() for key in half}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    load("owner/name", device="cpu")
    assert hub.fetched[-2:] == names
    (find_folder("owner/name") / names[1]).resolve().unlink()
    hub.asked.clear()
    load("owner/name", device="cpu")
    assert hub.fetched == names[1:]


def test_another_program_s_cache_is_used_under_either_name(tiny_folder, monkeypatch, tmp_path, no_network):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    in_cache("openai-community/gpt2", tiny_folder, tmp_path)
    in_cache("distilgpt2", tiny_folder, tmp_path)
    for name in ("gpt2", "openai-community/gpt2", "distilgpt2", "distilbert/distilgpt2"):
        assert find_folder(name).parent.parent.parent == tmp_path
    with pytest.raises(Unavailable):
        find_folder("gpt2-medium")


def test_a_cache_with_only_the_tokenizer_is_not_taken_for_a_model(published, hub, tokenizer_folder, tmp_path):
    in_cache("gpt2", tokenizer_folder, tmp_path / "cache")
    assert len(load_tokenizer("gpt2")) > 256
    assert hub.asked == []
    published("gpt2")
    load("gpt2", device="cpu")
    assert "model.safetensors" in hub.fetched


def test_a_revision_is_another_model(published, hub, capsys, tmp_path):
    folder = published("owner/name")
    (folder / "model.safetensors").rename(tmp_path / "model.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(Unavailable, match="pickle"):
        load("owner/name")
    (tmp_path / "model.safetensors").rename(folder / "model.safetensors")
    hub.revisions = {"refs/pr/3"}
    model, _ = load("owner/name@refs/pr/3", device="cpu")
    assert "owner/name@refs/pr/3: " in capsys.readouterr().out
    hub.asked.clear()
    load("owner/name@refs/pr/3", device="cpu")
    assert hub.asked == []
    with pytest.raises(Unavailable, match="no revision 'refs/pr/4'"):
        load("owner/name@refs/pr/4")


# What is refused before it is downloaded


def without(*names):
    def change(folder):
        for name in names:
            (folder / name).unlink()

    return change


def only_a_pickle(folder):
    without("model.safetensors")(folder)
    (folder / "pytorch_model.bin").write_bytes(b"never fetched")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (only_a_pickle, ["pytorch_model.bin", "pickle", "convert", "'owner/name@refs/pr/1'", "save_pretrained"]),
        (without("model.safetensors"), ["model.safetensors"]),
        (without("config.json"), ["config.json"]),
        (without("vocab.json"), ["tokenizer.json"]),
        (lambda f: (f / "adapter_config.json").write_text("{}"), ["adapter_config.json", "changes another model"]),
    ],
)
def test_a_model_that_cannot_be_read_is_not_downloaded(published, hub, capsys, change, words):
    change(published("owner/name"))
    with pytest.raises(Unavailable, match="^'owner/name' was not downloaded") as raised:
        load("owner/name")
    assert all(word in str(raised.value) for word in words)
    assert hub.fetched == [] and capsys.readouterr().out == ""


def test_a_model_of_another_kind_is_not_downloaded(published, hub):
    published("EleutherAI/polyglot-ko-1.3b", model_type="gpt_neox")
    with pytest.raises(Unavailable, match="it is a 'gpt_neox'"):
        load("EleutherAI/polyglot-ko-1.3b")
    assert hub.fetched == []


def test_a_quantised_model_is_not_downloaded(published, hub):
    published("owner/name")
    hub.settings["owner/name"]["config"]["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    with pytest.raises(Unavailable, match="its weights are quantised: choose the model that it was made from"):
        load("owner/name")
    assert hub.fetched == []


def test_a_disk_without_room_is_named_before_the_download(published, hub, monkeypatch):
    published("owner/name")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: shutil._ntuple_diskusage(10, 7, 3))
    with pytest.raises(Unavailable, match=r"needs [\d.]+ kB, and the disk of .* has 3 bytes left: make room"):
        load("owner/name")
    assert hub.fetched == []


# What the hub or the machine refuses


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ((403, "GatedRepo"), ["accept the terms on https://huggingface.co/owner/name", "hf auth login"]),
        ((401, "GatedRepo"), ["accept the terms", "hf auth login"]),
        ((401, None), ["refused", "401", "hf auth login"]),
        ((401, "RepoNotFound"), ["not on the Hugging Face hub", "check the name"]),
        ((403, None), ["refused", "403", "hf auth login"]),
        ((404, "RepoNotFound"), ["not on the Hugging Face hub", "check the name"]),
        ((429, None), ["429", "later"]),
        ((500, None), ["500", "later"]),
        ((503, None), ["503", "later"]),
    ],
)
@pytest.mark.parametrize("where", ["/api/", "model.safetensors"])
def test_an_answer_that_is_an_error_becomes_one_sentence(published, hub, error, words, where, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    published("owner/name")
    hub.errors[where] = error
    with pytest.raises(Unavailable) as raised:
        load("owner/name")
    sentence = str(raised.value)
    assert sentence.startswith("'owner/name' ") and "\n" not in sentence
    assert all(word in sentence for word in words) and sentence.endswith(", or use the bundled model, load()")


def test_an_unknown_name_is_one_sentence(hub):
    with pytest.raises(Unavailable, match="'nobody/nothing' is not on the Hugging Face hub"):
        load("nobody/nothing")
    with pytest.raises(ValueError, match="'no body/nothing' cannot be a name"):
        load("no body/nothing")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "does not fit on the disk"), (errno.EACCES, "cannot be written"), (errno.EROFS, "HF_HOME")],
)
def test_a_disk_that_refuses_becomes_one_sentence(published, hub, monkeypatch, number, words):
    published("owner/name")

    def fails(*arguments, **settings):
        raise OSError(number, "says the disk")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fails)
    with pytest.raises(Unavailable, match=f"'owner/name' .*{words}"):
        load("owner/name")


@pytest.mark.parametrize("where", ["/", "/resolve/", "model.safetensors"])
def test_a_page_in_place_of_an_answer_is_one_sentence(published, hub, where):
    """So a network answers that wants its users to log in."""
    published("owner/name")
    hub.pages.append(where)
    with pytest.raises(Unavailable, match="^'owner/name' could not be downloaded, because something other than the Hu"):
        load("owner/name")


@pytest.mark.parametrize("answer", [{"config": "gpt2"}, {"siblings": 5}, {"siblings": [{}]}, {"cardData": [1]}])
def test_an_answer_of_another_shape_is_one_sentence_or_does_no_harm(published, hub, answer):
    published("owner/name")
    hub.settings["owner/name"] = answer
    try:
        load("owner/name", device="cpu")
    except Unavailable as error:
        assert "something other than the Hugging Face hub answered" in str(error)


@pytest.mark.parametrize("where", ["GET /api/", "HEAD /owner/", "GET /owner/name/resolve/main/model.safetensors"])
def test_a_hub_that_does_not_answer_is_one_sentence(published, hub, where, monkeypatch):
    published("owner/name")
    for name in ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"):
        monkeypatch.setattr(constants, name, 0.5)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.silent.append(where)
    with pytest.raises(Unavailable, match="^'owner/name' is not in the cache, and the .* could not be reached"):
        load("owner/name")
    assert sum(asked.startswith(where) for asked in hub.asked) <= 6


@pytest.mark.parametrize("function", [load, licence])
def test_a_cache_that_is_no_folder_is_one_sentence(published, hub, monkeypatch, tmp_path, function):
    published("owner/name")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(Unavailable, match=r"^'owner/name' cannot be written to .*file/hub: set HF_HOME to a folder"):
        function("owner/name")


def test_a_refused_connection_is_tried_once_and_becomes_one_sentence(hub, monkeypatch):
    with socket.socket() as taken:  # a port that no server listens on
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it waits to try again"))
        with pytest.raises(
            Unavailable, match="'gpt2' is not in the cache, and .* could not be reached .*: check the net"
        ):
            load("gpt2")


def test_offline_no_connection_is_tried(no_network):
    assert constants.HF_HUB_OFFLINE
    with pytest.raises(Unavailable, match="'gpt2' is not in the cache, and HF_HUB_OFFLINE keeps the network"):
        load("gpt2")
    assert no_network == []


# The first that is available


def test_the_first_name_that_is_available_is_returned(downloaded, capsys):
    assert first_available(downloaded, "storyteller") == downloaded
    assert first_available("storyteller") == "storyteller"
    assert capsys.readouterr() == ("", "")


def test_one_sentence_says_which_model_replaces_a_missing_one(capsys):
    assert first_available("gpt2", "storyteller") == "storyteller"
    out, err = capsys.readouterr()
    assert err == "" and out == (
        "'gpt2' is not in the cache, and HF_HUB_OFFLINE keeps the network from being used: unset it to\n"
        "download the model once; until then the bundled model takes its place.\n"
    )
    assert first_available("gpt2", "gpt2-medium", "storyteller") == "storyteller"
    assert capsys.readouterr().out.count("takes its place") == 2


def test_a_download_speaks_korean(published, capsys, monkeypatch, in_korean):
    published("gpt2")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *arguments, **settings: 1 / 0)
    with pytest.raises(Unavailable, match=r"^'gpt2'.* 함께 들어 있는 모델을 load\(\)로 써도 돼요$"):
        load("gpt2")
    told = capsys.readouterr().out
    assert re.fullmatch(r"gpt2: Hugging Face 허브에서 .* kB를 한 번만 내려받아요\. 라이선스: .*\n", told)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert first_available("gpt2", "storyteller") == "storyteller"
    assert capsys.readouterr().out == (
        "'gpt2'가 캐시에 없고, HF_HUB_OFFLINE 때문에 네트워크도 쓸 수 없어요. 이 설정을 풀면\n"
        "모델을 한 번 내려받아요. 그때까지는 함께 들어 있는 모델을 대신 써요.\n"
    )


def test_a_stopped_download_leaves_the_bundled_model(published, capsys, monkeypatch):
    published("gpt2")

    def stopped(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("huggingface_hub.hf_hub_download", stopped)
    assert first_available("gpt2", "storyteller") == "storyteller"
    announced, *stopped = capsys.readouterr().out.splitlines()
    stopped = " ".join(stopped)
    assert "to download once" in announced
    assert stopped.startswith("The download of 'gpt2' was stopped") and "bundled model takes its place" in stopped


def test_an_unknown_name_is_an_error_and_so_is_no_name_at_all(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'gpt2'"):
        first_available("gtp2", "storyteller")
    with pytest.raises(Unavailable, match="'gpt2'"):
        first_available("gpt2")
    with pytest.raises(ValueError, match="names must hold at least one"):
        first_available()


# Licences


@pytest.mark.parametrize(
    ("card", "config", "expected"),
    [
        ("---\nlicense: apache-2.0\n---\n", {}, "apache-2.0"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", {}, "mit, apache-2.0"),
        ("---\nlicense: other\nlicense_name: their-own\n---\n", {}, "their-own"),
        ("---\nlicense: other\n---\n", {}, "other"),
        ("# no data\n", {"license": "CC-BY-NC-SA 4.0"}, "CC-BY-NC-SA 4.0"),
        ("---\nlicense: mit\n---\n", {"license": "CC-BY-NC-SA 4.0"}, "mit"),
        ("---\nlicense: [\n---\n", {}, None),
        (None, {}, None),
    ],
)
def test_the_licence_comes_from_the_card_or_else_from_the_config(tmp_path, card, config, expected):
    (tmp_path / "config.json").write_text(json.dumps(config))
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    assert licence(tmp_path) == expected


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("make", [getattr(os, "mkfifo", None), lambda file: file.symlink_to("/dev/zero"), Path.mkdir])
def test_a_licence_is_not_read_from_what_is_no_file_or_no_json(tmp_path, make):
    for name in ("README.md", "config.json"):
        make(tmp_path / name)
    assert licence(tmp_path) is None
    for text in ("[" * 10**5, "[]", "", '{"license": null}'):
        other = tmp_path / str(len(text))
        other.mkdir()
        (other / "config.json").write_text(text)
        assert licence(other) is None


def test_the_bundled_model_has_the_licence_of_the_package():
    assert licence() == licence(STORYTELLER) == "mit"
    assert "MIT licence" in (STORYTELLER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("function", [load, load_model, load_tokenizer, licence])
def test_each_function_refuses_what_the_hub_does_not_have(hub, function):
    with pytest.raises(Unavailable, match="'nobody/nothing'"):
        function("nobody/nothing")


# The lesson, with a model of the hub in the cache


@pytest.fixture
def gpt2_of_transformers(tmp_path, gpt2_folder):
    """A model of GPT-2's vocabulary, with random weights and few of them, as `transformers` writes it."""
    folder = tmp_path / "gpt2"
    torch.manual_seed(0)
    config = GPT2Config(n_embd=32, n_head=2, n_layer=2)
    GPT2LMHeadModel(config).save_pretrained(folder)
    for file in ("vocab.json", "merges.txt"):
        shutil.copy(gpt2_folder / file, folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder


@pytest.fixture
def kogpt2_of_transformers(tmp_path, sentencepiece_like):
    """A model like the Korean one of the lesson: its tokens, in a bare tokenizer.json, are pieces of words."""
    folder = tmp_path / "kogpt2"
    folder.mkdir()
    torch.manual_seed(0)
    vocab_size = sentencepiece_like(folder, "세상에서 가장 높은 산은 어디에 있나요?").get_vocab_size()
    config = GPT2Config(vocab_size=vocab_size, n_embd=32, n_head=2, n_layer=2, bos_token_id=0, eos_token_id=1)
    GPT2LMHeadModel(config).save_pretrained(folder)
    (folder / "README.md").write_text("---\nlanguage: ko\nlicense: cc-by-nc-sa-4.0\n---\n")
    return folder


def test_a_cached_gpt2_of_transformers_works_without_a_network(
    gpt2_of_transformers, monkeypatch, tmp_path, no_network, capsys
):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    in_cache("gpt2", gpt2_of_transformers, tmp_path / "cache")
    model, tokenizer = load("gpt2", device="cpu")
    theirs = GPT2LMHeadModel.from_pretrained(gpt2_of_transformers).eval()
    token_ids = torch.tensor([tokenizer.encode("Once upon a time")])
    assert token_ids.tolist() == [[7454, 2402, 257, 640]] and tokenizer.eos_token_id == 50256
    assert len(tokenizer.encode("옛날 옛적에")) == 15
    with torch.no_grad():
        assert (model(token_ids) - theirs(token_ids).logits).abs().max() <= 1e-4
    assert no_network == [] and capsys.readouterr().out == ""


def test_every_cell_of_the_lesson_works_with_models_of_the_hub(
    gpt2_of_transformers, kogpt2_of_transformers, monkeypatch, tmp_path
):
    home = tmp_path / "home"
    in_cache("gpt2", gpt2_of_transformers, home / "hub")
    in_cache("skt/kogpt2-base-v2", kogpt2_of_transformers, home / "hub", "refs/pr/3")
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # no server there: a request would print a sentence
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    notebook, solutions = (
        nbformat.read(NOTEBOOKS / name, as_version=4) for name in ("11_real_gpt2.ipynb", "solutions/11_real_gpt2.ipynb")
    )
    notebook.cells += [cell for cell in solutions.cells if cell.cell_type == "code"]  # in one kernel, to save time
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOKS)}})
    client.execute()  # raises at the first error
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    told = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "takes its place" not in told
    assert re.search(r"^gpt2: [\d,]+ parameters, 50,257 tokens\nlicence: mit$", told, re.MULTILINE)
    assert re.search(r"^skt/kogpt2-base-v2@refs/pr/3: [\d,]+ parameters", told, re.MULTILINE)
    assert "licence: cc-by-nc-sa-4.0" in told
    assert told.count("Right: ") == 3
