"""What proves the steps of lab `pipeline` that are about the typical pipeline and its key."""

from __future__ import annotations

import base64
import binascii

from labs.errors import LabError
from labs.exercises.evidence import HELLO, value
from labs.exercises.pipeline_checks import Printed, leaked, printed
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import attendees
from labs.instance import Instance
from labs.platform import app, docker, kind, kubernetes, typical
from labs.platform.flux import moment
from labs.platform.typical import PIPELINE
from labs.progress import Progress
from labs.run import CommandFailed
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

NAMESPACE = "production"
PARTS = ("git", "ci", "ci-runner", "typical-ci", "typical-runner")
"""The containers beside the cluster that have to do with building and deploying."""


def is_up(attempt: Attempt) -> str:
    """Say that the typical pipeline runs, and with which key."""
    instance = attempt.instance
    if typical.running(instance):
        return f"{instance.container(PIPELINE.runner)} runs, and was given the key of a deployer"
    if Progress(instance).done("typical-up"):
        return "it was up, and is down now: `lab typical up` starts it again"
    raise NotDone(
        f"no container {instance.container(PIPELINE.runner)} that runs",
        expected="the typical pipeline, beside the workshop's own",
        todo="in the terminal: `lab typical up`",
    )


def masked(attempt: Attempt) -> str:
    """Return what the log showed of the key. Raises NotYet before it was asked."""
    found = _leak(attempt.instance)
    if found is None:
        if Progress(attempt.instance).done("leak"):
            return "`***` where it was printed as it is; backwards, all of it"
        raise NotYet("the key was not asked for yet")
    return f"`{found.plain}` where it was printed as it is; backwards, all of it"


def leak(attempt: Attempt) -> str:
    """Find the cluster's key in a log of the typical pipeline."""
    instance = attempt.instance
    if not typical.running(instance) and Progress(instance).done("leak"):
        return "it was in a log; the typical pipeline is down now"
    typical.refuse_unless_up(instance)
    found = printed(attempt, PIPELINE)
    if found is None:
        raise NotDone(
            "no run of the typical pipeline has printed a line that begins with LEAK",
            expected="one more line in a test of typical-repo, pushed",
            todo="append it to tests/test_look.py of typical-repo, commit, push",
        )
    if "token:" not in _decoded(found.backwards):
        raise CheckFailed(
            f"run {found.run.number} printed {found.backwards[:20]!r} …, which is no kubeconfig",
            expected="the key, backwards",
            todo="the line prints `key[::-1]` last: compare it with the one of the notebook",
        )
    return (
        f"run {found.run.number}: {found.plain} where the log masks it, and then all "
        f"{len(found.backwards)} characters of the key to your cluster"
    )


def deface(attempt: Attempt) -> str:
    """Find a greeting in production that Git never held, and wait until Flux has undone it."""
    instance = attempt.instance
    repo = attendees(instance)
    repo.fetch()
    commits = repo.log(UPSTREAM, HELLO, 500)
    approved = {value(repo, "GREETING", commit.sha).strip("'\"") for commit in commits}
    seen = {
        greeting: born
        for greeting, born in _greetings(instance).items()
        if greeting not in approved
    }
    if not seen:
        if Progress(instance).done("deface"):
            return "a greeting that no commit held was there, and Flux has undone it"
        raise NotDone(
            f"all that {NAMESPACE} greeted with so far is in Git",
            expected="a greeting that was set with the stolen key",
            todo="`kubectl --kubeconfig ../stolen.kubeconfig … set env …`, as above",
        )
    stolen = max(seen, key=lambda greeting: seen[greeting])

    def healed() -> str:
        shown = str(app.answer(instance)["greeting"])
        if shown in seen:
            raise NotYet(f"the page says {shown!r}; Flux compares every 30 s")
        return shown

    shown = attempt.wait(
        healed,
        what="the page as Git has it",
        todo="`flux get kustomizations` says whether Flux is at work",
    )
    return f"{stolen!r} was there, and no commit says so; Flux has made it {shown!r} again"


def ways_in(attempt: Attempt) -> str:
    """Compare the answer with the containers that reach the API server and hold a key to it."""
    instance = attempt.instance
    if not attempt.answered:
        raise NotDone(
            "no answer: which container both reaches the cluster and holds a key is still open",
            expected="the container's name, without the lab's in front of it",
            todo="run the cell above, and look for the row with two times `yes`",
        )
    if not typical.running(instance) and Progress(instance).done("ways-in"):
        return "it was typical-runner alone; it is down now"
    typical.refuse_unless_up(instance)
    both = [part for part in PARTS if _reaches(instance, part) and _holds_key(instance, part)]
    mine = str(attempt.answer).strip().removeprefix(f"{instance.name}-")
    if [mine] != both:
        raise CheckFailed(
            f"{attempt.answer!r}",
            expected="the one container with a way to the API server and a key for it",
            todo="the Git server reaches it, without a key; look for a row with two times `yes`",
        )
    return f"{mine}, of {len(PARTS)} containers: a way in and a key, together, are what it takes"


def is_down(attempt: Attempt) -> str:
    """Say that the typical pipeline is gone, and that its key has no rights any more."""
    instance = attempt.instance
    there = [name for name, state in typical.states(instance).items() if state != "absent"]
    if there:
        raise NotDone(
            f"{', '.join(there)}: still there, and one of them holds a key to your cluster",
            expected="no container of the typical pipeline",
            todo="in the terminal: `lab typical down`",
        )
    if not Progress(instance).done("typical-up"):
        raise NotDone(
            "the typical pipeline was never up",
            expected="the steps before this one",
            todo="`lab typical up`, and on from there",
        )
    cluster = kubernetes.api(instance)
    if cluster.get("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", typical.ROLE):
        raise CheckFailed(
            "the containers are gone, and the deployer's key still opens the cluster",
            expected="a key without rights",
            todo="`lab typical down` once more takes them away",
        )
    return "its containers are gone, and the stolen key opens nothing any more"


def _leak(instance: Instance) -> Printed | None:
    if not typical.running(instance):
        return None
    try:
        return leaked(instance, PIPELINE)
    except LabError as away:
        raise NotYet(away.found) from away


def _decoded(backwards: str) -> str:
    try:
        return base64.b64decode(backwards[::-1]).decode(errors="replace")
    except binascii.Error:
        return ""


def _greetings(instance: Instance) -> dict[str, float]:
    """Return what production's pods greeted with, as far back as Kubernetes knows, and since when.

    Of a version that was undone Kubernetes keeps the ReplicaSet, without pods.
    """
    found: dict[str, float] = {}
    selector = "app.kubernetes.io/name=hello"
    for each in kubernetes.api(instance).list("apps/v1", "ReplicaSet", NAMESPACE, selector):
        born = moment(each["metadata"]["creationTimestamp"])
        for container in each["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env", []):
                if variable["name"] == "GREETING":
                    found[str(variable.get("value", ""))] = born
    return found


def _reaches(instance: Instance, part: str) -> bool:
    """Try to open a connection to the API server from inside a container."""
    node = kind.node(instance)
    words = ("timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{node}/6443")
    try:
        docker.exec_in(instance.container(part), *words)
    except CommandFailed:
        return False
    return True


def _holds_key(instance: Instance, part: str) -> bool:
    """Look among the secrets that a container was given."""
    words = ("sh", "-c", "cat /srv/ci/secrets.json 2>/dev/null || true")
    return typical.SECRET in docker.exec_in(instance.container(part), *words)
