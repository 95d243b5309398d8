"""JupyterLab's settings: on loopback, with a token, asking nobody. The terminals' own."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from labs.instance import Instance, write_json
from labs.platform import environment, jupyter_config
from labs.run import run

FILES = jupyter_config.FILES


@pytest.fixture
def lab(tmp_path: Path) -> Instance:
    instance = Instance("seat", tmp_path / "home" / "seat")
    write_json(instance.root / "ports.json", {"jupyter": 8999, "git": 8399})
    return instance


def test_what_is_secret_is_private(lab: Instance) -> None:
    jupyter_config.write(lab)
    token = jupyter_config.home(lab) / "token"
    for path in (token, jupyter_config.config_file(lab)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(jupyter_config.token(lab)) == 22
    assert jupyter_config.token(lab) == jupyter_config.token(lab)


def test_it_listens_on_loopback_and_asks_nobody(lab: Instance) -> None:
    server = jupyter_config.write(lab)["server"]
    assert server["ServerApp"]["ip"] == "127.0.0.1"
    assert server["ServerApp"]["allow_remote_access"] is False
    assert "disable_check_xsrf" not in server["ServerApp"]
    assert server["LabApp"]["news_url"] is None
    assert server["LabApp"]["extension_manager"] == "readonly"
    disabled = json.loads((FILES / "page_config.json").read_text())["disabledExtensions"]
    assert disabled["@jupyterlab/apputils-extension:announcements"] is True


def test_a_link_comes_with_its_port(lab: Instance) -> None:
    assert set(jupyter_config.write(lab)["server"]["ServerProxy"]["servers"]) == {"git-pages"}
    write_json(lab.root / "ports.json", {"jupyter": 8999, "prometheus": 9099})
    links = jupyter_config.write(lab)["server"]["ServerProxy"]["servers"]
    assert links["prometheus"]["launcher_entry"]["path_info"] == "prometheus/query"
    write_json(lab.root / "ports.json", {"jupyter": 8999})
    assert jupyter_config.write(lab)["server"]["ServerProxy"]["servers"] == {}


def test_every_setting_is_one_that_jupyterlab_has(lab: Instance) -> None:
    """A misspelt setting would be ignored without a word."""
    from jupyterlab.labapp import LabApp
    from jupyterlab_server.settings_utils import get_settings

    app = LabApp()
    known, _ = get_settings(
        app.app_settings_dir,
        app.schemas_dir,
        str(lab.root),
        labextensions_path=app.labextensions_path,
        overrides={},
    )
    schemas = {entry["id"]: entry["schema"] for entry in known["settings"]}
    ours = json.loads((FILES / "settings.json").read_text())
    assert ours
    for plugin, values in ours.items():
        assert set(values) <= set(schemas[plugin]["properties"]), plugin


def test_the_environment_is_the_labs_whatever_the_machines_is(
    lab: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"/usr/bin{os.pathsep}{lab.bin}")
    monkeypatch.setenv("no_proxy", "intranet.example")
    monkeypatch.setenv("GIT_DIR", "/somewhere")
    monkeypatch.setenv("JUPYTER_TOKEN", "of another server")
    found = environment.environment(lab)
    assert found["PATH"].split(os.pathsep)[0] == str(lab.bin)
    assert found["PATH"].split(os.pathsep).count(str(lab.bin)) == 1
    assert found["LAB_NAME"] == "seat"
    assert Path(found["LAB_HOME"]) / found["LAB_NAME"] == lab.root
    assert found["no_proxy"] == "intranet.example,127.0.0.1,localhost"
    assert {"GIT_DIR", "JUPYTER_TOKEN"} <= set(environment.unwanted())


def test_the_prompt_without_a_cluster_and_with_one(lab: Instance) -> None:
    repo = lab.work / "config-repo"
    run("git", "init", "--quiet", "--initial-branch=main", repo)
    assert _prompt(lab, repo) == ["seat no cluster work/config-repo (main)", "$"]
    lab.kubeconfig.write_text('contexts: []\ncurrent-context: "kind-seat"\n')
    assert _prompt(lab, repo) == ["seat kind-seat work/config-repo (main)", "$"]
    assert _prompt(lab, lab.work) == ["seat kind-seat work", "$"]
    # Nothing is typed in the folder of the notebooks: a terminal that opens there moves up.
    (lab.work / "notebooks").mkdir()
    assert _prompt(lab, lab.work / "notebooks") == ["seat kind-seat work", "$"]


def _prompt(lab: Instance, folder: Path) -> list[str]:
    """Return the lines of the prompt that bash shows, as a terminal without colour has them."""
    script = f'. "{FILES / "bashrc"}"; __lab_prompt; printf "%s" "${{PS1@P}}"'
    shown = run(
        "bash", "--norc", "-c", script, cwd=folder, env=environment.environment(lab), timeout=30
    )
    for mark in ("\x01", "\x02", "\x1b[0m", "\x1b[1m", *(f"\x1b[{n}m" for n in range(31, 37))):
        shown = shown.replace(mark, "")
    return [line.strip() for line in shown.splitlines()]
