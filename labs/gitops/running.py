"""Which version of a workload runs, beside the one that Git names."""

from __future__ import annotations

from labs.errors import LabError
from labs.gitops.manifests import Workload
from labs.gitops.workloads import Place, Tree, namespace
from labs.instance import Instance
from labs.platform import kubernetes, rollout


def version(instance: Instance, tree: Tree, place: Place) -> str:
    """Return the version that runs, and how far a rollout is; `?` where the cluster is away."""
    try:
        found = kubernetes.api(instance).get(
            "apps/v1", "Deployment", place.app, namespace(tree, place.environment)
        )
    except LabError:  # a list of what Git says is of use without it, too
        return "?"
    if found is None:
        return "nothing yet"
    containers = found["spec"]["template"]["spec"]["containers"]
    named = [one for one in containers if one["name"] == place.app] or containers
    said = Workload(image=named[0].get("image", ""))
    state = rollout.progress(found)
    return (said.version or said.image) + (f" ({state})" if state else "")
