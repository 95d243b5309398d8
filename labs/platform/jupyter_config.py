"""JupyterLab's settings for one lab, written where only this lab's server reads them.

Nothing of the user's own Jupyter is read or changed: config, data, run time files, user settings
and IPython's history are in the lab's folder.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from labs.instance import Instance, write_json
from labs.platform import console, files

FILES = Path(__file__).with_name("jupyter_files")
START_PAGE = "/lab/tree/notebooks/00-welcome.ipynb"


@dataclass(frozen=True)
class Link:
    """A part of the lab whose pages open from JupyterLab's launcher, through JupyterLab's port.

    The part is asked without the path's first word, and told of it in X-Forwarded-Context.
    """

    name: str
    title: str
    part: str
    icon: str
    start: str = ""
    """The page to open, where the part would send away from its first one by a whole path."""


LINKS = (
    Link("console", "Console", "console", "console.svg"),
    Link("git-pages", "Git pages", "git", "git-pages.svg"),
    # Its own pages find their place by the address that they were asked at.
    Link("prometheus", "Prometheus (from lab 09 on)", "prometheus", "prometheus.svg", "query"),
)
"""A part that has no port yet has no link yet."""


def home(instance: Instance) -> Path:
    """Return the folder of all that Jupyter keeps for this lab."""
    return instance.root / "jupyter"


def config_file(instance: Instance) -> Path:
    """Return the file of the settings that the server reads at its start."""
    return home(instance) / "config" / "jupyter_server_config.json"


def directories(instance: Instance) -> dict[str, str]:
    """Return the environment that keeps Jupyter's files in the lab's folder."""
    root = home(instance)
    return {
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }


def token(instance: Instance) -> str:
    """Return the lab's token: random, made once, readable by its owner alone."""
    path = home(instance) / "token"
    if not path.exists():
        files.write_private(path, secrets.token_urlsafe(16))
    return path.read_text().strip()


def write(instance: Instance) -> dict[str, Any]:
    """Write all of JupyterLab's settings and return those that the server reads at its start."""
    config = _server(instance)
    files.write_private(config_file(instance), json.dumps(config, indent=2) + "\n")
    folder = config_file(instance).parent / "labconfig"
    page = json.loads((FILES / "page_config.json").read_text())
    settings = json.loads((FILES / "settings.json").read_text())
    write_json(folder / "page_config.json", page)
    write_json(folder / "default_setting_overrides.json", settings)
    files.write(folder.parent / "custom" / "custom.css", _icons().encode())
    return {"server": config, "page": page}


def _server(instance: Instance) -> dict[str, Any]:
    return {
        "ServerApp": {
            "ip": "127.0.0.1",
            "port": instance.port("jupyter"),
            "port_retries": 0,
            "allow_remote_access": False,
            "allow_root": os.geteuid() == 0,
            "open_browser": False,
            "root_dir": str(instance.work),
            # Closing the page is enough; a button that ends the server puzzles who presses it.
            "quit_button": False,
            "terminado_settings": {
                "shell_command": ["bash", "--rcfile", str(FILES / "bashrc"), "-i"]
            },
            "jpserver_extensions": {"jupyter_lsp": False},
        },
        "IdentityProvider": {"token": token(instance)},
        "LabApp": {
            "default_url": START_PAGE,
            "news_url": None,
            "check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
            "extension_manager": "readonly",
            "custom_css": True,
        },
        # Workflows are in `.github`, so hidden files may be opened and edited.
        "ContentsManager": {"allow_hidden": True},
        "KernelSpecManager": {"allowed_kernelspecs": ["python3"]},
        "MappingKernelManager": {"kernel_info_timeout": 180},
        "ServerProxy": {"servers": _links(instance)},
    }


def _icons() -> str:
    """Return style rules for the icons of the links, which JupyterLab shows for kernels alone."""
    rules = [
        f'.jp-LauncherCard[title^="{link.title}"] .jp-LauncherCard-icon {{ background: center / '
        f'52px no-repeat url("data:image/svg+xml,{quote((FILES / link.icon).read_text())}") }}\n'
        for link in LINKS
    ]
    return "".join(rules)


def _headers(instance: Instance, link: Link) -> dict[str, str]:
    """Return what the proxy adds: who is let into JupyterLab is let into the lab's console."""
    return {console.TOKEN_HEADER: console.token(instance)} if link.part == "console" else {}


def _links(instance: Instance) -> dict[str, dict[str, Any]]:
    ports = instance.root / "ports.json"
    known = json.loads(ports.read_text()) if ports.exists() else {}
    return {
        link.name: {
            "port": known[link.part],
            "absolute_url": False,
            "request_headers_override": _headers(instance, link),
            "new_browser_tab": True,
            "launcher_entry": {
                "title": link.title,
                "path_info": f"{link.name}/{link.start}",
                "category": "Other",
            },
        }
        for link in LINKS
        if link.part in known
    }
