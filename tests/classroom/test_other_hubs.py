"""The files for other hubs: as far as that goes without these hubs, each is read and its settings are tried.

Neither The Littlest JupyterHub nor a Kubernetes cluster, helm or the chart can be had here. What both ask for is tried
with JupyterHub's own classes, and the names in the files are compared with an excerpt of what each hub knows.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

pytest.importorskip("jupyterhub", reason="JupyterHub is not installed, or cannot be, as on Windows")
import jupyterhub.singleuser  # noqa: E402
from jupyterhub.auth import Authenticator  # noqa: E402
from jupyterhub.spawner import LocalProcessSpawner  # noqa: E402
from traitlets.config import Config, LoggingConfigurable  # noqa: E402
from traitlets.utils.importstring import import_item  # noqa: E402

from gptcore.classroom import singleuser  # noqa: E402
from gptcore.lessons import FIRST, FOLDER  # noqa: E402

ROOT = Path(__file__).parents[2]
FILES = ROOT / "classroom"
TEXT, WHOLE, YES_OR_NO, LIST = ({"type": kind} for kind in ("string", "integer", "boolean", "array"))
SIZE = {"type": "string", "pattern": r"^\d+(\.\d+)?(M|G|Mi|Gi)$"}
AMOUNT = {"type": "number", "minimum": 0}
ENVIRONMENT = {"type": "object", "additionalProperties": TEXT}


def known(**properties):
    return {"type": "object", "additionalProperties": False, "properties": properties}


LITTLEST = known(
    auth={"type": "object", "required": ["type"]},
    users=known(admin=LIST, allowed=LIST, banned=LIST, extra_user_groups={"type": "object"}),
    limits=known(memory=SIZE, cpu=AMOUNT),
    user_environment=known(default_app={"enum": ["jupyterlab", "classic"]}),
    services=known(cull=known(enabled=YES_OR_NO, timeout=WHOLE, every=WHOLE, concurrency=WHOLE, max_age=WHOLE)),
    http=known(address={"type": "string", "pattern": r"^\d+(\.\d+){3}$"}, port=WHOLE),
    https=known(enabled=YES_OR_NO, address=TEXT, port=WHOLE, tls=known(key=TEXT, cert=TEXT)),
)
CHART = known(
    hub=known(
        config={"type": "object", "additionalProperties": {"type": "object"}},
        extraEnv=ENVIRONMENT,
        initContainers=LIST,
        extraVolumes=LIST,
        extraVolumeMounts=LIST,
        concurrentSpawnLimit=WHOLE,
    ),
    singleuser=known(
        image=known(name=TEXT, tag=TEXT),
        cmd=LIST,
        defaultUrl=TEXT,
        startTimeout=WHOLE,
        memory=known(limit=SIZE, guarantee=SIZE),
        cpu=known(limit=AMOUNT, guarantee=AMOUNT),
        storage=known(capacity=SIZE),
        extraEnv=ENVIRONMENT,
        networkPolicy=known(egressAllowRules=known(nonPrivateIPs=YES_OR_NO)),
    ),
    cull=known(enabled=YES_OR_NO, timeout=WHOLE, every=WHOLE),
    proxy=known(service=known(type={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]})),
)


def read(name):
    return yaml.safe_load((FILES / name).read_text(encoding="utf-8"))


@pytest.fixture
def littlest():
    return read("littlest-jupyterhub/config.yaml")


@pytest.fixture
def kubernetes():
    return read("zero-to-jupyterhub.yaml")


@pytest.fixture
def asked():
    """The configuration that the file for The Littlest JupyterHub asks for."""
    config = Config()
    file = FILES / "littlest-jupyterhub" / "gptcore_class.py"
    exec(compile(file.read_text(encoding="utf-8"), file, "exec"), {"get_config": lambda: config})
    return config


@pytest.mark.parametrize(
    ("name", "schema"), [("littlest-jupyterhub/config.yaml", LITTLEST), ("zero-to-jupyterhub.yaml", CHART)]
)
def test_the_file_has_only_names_and_kinds_that_the_hub_knows(name, schema):
    assert [error.message for error in Draft7Validator(schema).iter_errors(read(name))] == []


def test_a_misspelt_name_and_a_wrong_kind_are_found(kubernetes):
    kubernetes["singleuser"]["memmory"] = {}
    kubernetes["cull"]["enabled"] = "yes"
    assert len(list(Draft7Validator(CHART).iter_errors(kubernetes))) == 2


def test_both_let_in_the_list_and_nobody_else(littlest, kubernetes, tmp_path, monkeypatch):
    monkeypatch.setenv("GPTCORE_CLASS", str(tmp_path))
    (tmp_path / "students.txt").write_text("anna\n")
    name = littlest["auth"]["type"]
    assert name == kubernetes["hub"]["config"]["JupyterHub"]["authenticator_class"]
    authenticator = import_item(name)(config=Config({"Authenticator": {"admin_users": littlest["users"]["admin"]}}))
    assert isinstance(authenticator, Authenticator) and not authenticator.allow_all
    assert authenticator.check_allowed("anna") and not authenticator.check_allowed("ben")
    assert authenticator.admin_users == set()


def test_the_settings_for_the_littlest_are_settings_of_jupyterhub(asked):
    from jupyterhub.app import JupyterHub

    for name, kind in (("Spawner", LocalProcessSpawner), ("JupyterHub", JupyterHub)):
        assert issubclass(kind, LoggingConfigurable) and set(asked[name]) <= set(kind.class_traits(config=True))
    assert asked.Spawner.cmd[1:] == ["-m", singleuser.__name__]
    assert asked.Spawner.default_url == f"/lab/tree/{Path(FOLDER).name}/{FIRST}"


def test_neither_is_open_to_a_network_before_somebody_says_so(littlest, kubernetes):
    assert littlest["http"]["address"] == "127.0.0.1"
    assert kubernetes["proxy"]["service"]["type"] == "ClusterIP"
    assert kubernetes["singleuser"]["networkPolicy"]["egressAllowRules"]["nonPrivateIPs"] is False


def test_both_bound_a_student_and_end_what_nobody_uses(littlest, kubernetes, asked):
    assert littlest["limits"]["memory"] == kubernetes["singleuser"]["memory"]["limit"] == "2G"
    assert littlest["services"]["cull"]["enabled"] and kubernetes["cull"]["enabled"]
    assert asked.Spawner.environment == kubernetes["singleuser"]["extraEnv"]
    assert kubernetes["singleuser"]["extraEnv"]["OMP_NUM_THREADS"] == "1"
    for arguments in (asked.Spawner.args, kubernetes["singleuser"]["cmd"]):
        assert "--ServerApp.terminals_enabled=False" in arguments


def test_the_hub_of_the_chart_can_log_students_in_with_what_its_first_container_copies(kubernetes, tmp_path):
    """Without PyTorch, and from the one folder that is copied, into the folder where Python is told to look."""
    hub = kubernetes["hub"]
    (container,) = hub["initContainers"]
    copied, target = container["command"][-2:]
    assert Path(copied).name == ROOT.joinpath("gptcore").name
    assert hub["extraEnv"]["PYTHONPATH"] == target.rstrip("/") == hub["extraVolumeMounts"][0]["mountPath"]
    image = kubernetes["singleuser"]["image"]
    assert container["image"] == f"{image['name']}:{image['tag']}"
    shutil.copytree(ROOT / "gptcore", tmp_path / "gptcore", ignore=shutil.ignore_patterns("__pycache__"))
    name = hub["config"]["JupyterHub"]["authenticator_class"]
    code = (
        "import sys\nsys.modules.update(dict.fromkeys(['torch', 'numpy', 'filelock', 'psutil']))\n"  # as if not there
    )
    code += (
        f"from {name.rpartition('.')[0]} import {name.rpartition('.')[2]}\nimport gptcore\nprint(gptcore.__file__)\n"
    )
    code += "from gptcore.classroom.__main__ import main\nsys.exit(main(['students', '-']))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "GPTCORE_CLASS": str(tmp_path / "class")},
        cwd=tmp_path,
        input="Anna\n",
        capture_output=True,
        text=True,
    )
    file, student = found.stdout.splitlines()
    assert file == str(tmp_path / "gptcore" / "__init__.py") and student.split(maxsplit=1) == [
        "anna",
        "was not here yet",
    ]


@pytest.fixture
def started(monkeypatch):
    """The arguments of each server of JupyterHub's that would have been one."""
    found = []
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.setattr(jupyterhub.singleuser, "main", lambda: found.append(sys.argv[1:]))
    return found


def test_a_server_starts_with_the_lessons_and_what_a_student_changed_stays(started, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    singleuser.run(["--port=1"])
    lesson = tmp_path / Path(FOLDER).name / FIRST
    mine = lesson.read_text(encoding="utf-8").replace("Once upon a time", "Once upon a slime")
    lesson.write_text(mine, encoding="utf-8")
    singleuser.run(["--port=2"])
    assert lesson.read_text(encoding="utf-8") == mine and "slime" in mine
    assert started == [["--port=1"], ["--port=2"]]


def test_a_server_starts_although_the_lessons_cannot_be_laid_out(started, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / Path(FOLDER).name).write_text("a file")
    singleuser.run([])
    assert started == [[]] and "cannot be written" in capsys.readouterr().err
