"""Monitoring in the config repo: the folder that is handed out, and the file that binds it in.

Its Prometheus and Alertmanager are configured by files in Git alone; see config-repo-template/.
"""

from __future__ import annotations

from pathlib import Path

from labs.gitops.draft import Draft
from labs.instance import PROJECT

WIRING = Path(__file__).with_name("wiring.yaml")
TEMPLATE = PROJECT / "config-repo-template"
FOLDER = "monitoring"
KUSTOMIZATION = "monitoring"
"""Flux's object that applies the folder."""
NAMESPACE = "monitoring"
DEPLOYMENTS = ("prometheus", "alertmanager", "exporter")


def install(draft: Draft, cluster_folder: str) -> None:
    """Have Flux apply the folder; what a repo of an earlier day lacks of the folder comes along.

    Files that are there stay as somebody set them.
    """
    there = draft.files()
    for path, text in {**files(), wiring_path(cluster_folder): WIRING.read_text()}.items():
        if path not in there:
            draft.write(path, text)


def wiring_path(cluster_folder: str) -> str:
    """Return the file of the config repo with which Flux is told to apply the folder."""
    return f"{cluster_folder}/monitoring.yaml"


def files() -> dict[str, str]:
    """Return the files of the folder as it is handed out, by their path in the repo."""
    paths = sorted(path for path in (TEMPLATE / FOLDER).rglob("*") if path.is_file())
    return {path.relative_to(TEMPLATE).as_posix(): path.read_text() for path in paths}
