"""Whether the cluster lacks what its reader has come to: made anew, it is as lab 02 finds it."""

from __future__ import annotations

from labs.catalogue import Lab
from labs.errors import LabError
from labs.instance import Instance
from labs.platform import flux, kubernetes
from labs.progress import Progress
from labs.reset.starts import start_of
from labs.seats.summary import standing

INSTALLS = "install-agents"
"""The step of lab 02 that brings Flux into the cluster."""


def lost_at(instance: Instance) -> Lab | None:
    """Return the lab that the reader is at, where the cluster has no Flux and should; else None.

    Raises LabError where progress is damaged, or the cluster does not answer.
    """
    progress = Progress(instance).read()
    lab = standing(progress).lab.lab
    if not start_of(lab).agents and not progress["steps"].get(INSTALLS, {}).get("done"):
        return None
    found = kubernetes.api(instance).list("apps/v1", "Deployment", flux.NAMESPACE)
    return None if found else lab


def told(instance: Instance) -> str:
    """Return what a reader has to know of a cluster that was made anew; '' where it is theirs."""
    try:
        lab = lost_at(instance)
    except LabError as damaged:
        return f"Whether the cluster is as you left it cannot be told:\n{damaged}"
    if lab is None:
        return ""
    return (
        f"The cluster was made anew: it is empty, as lab 02 finds it, and you are at lab"
        f" {lab.heading}.\n`make reset` puts all to the start of that lab; Git and the registry"
        " have lost nothing."
    )
