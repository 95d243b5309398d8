"""What proves the steps of lab `model` that leave no commit behind."""

from __future__ import annotations

import re

from labs.exercises.evidence import HELLO, value
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import attendees
from labs.instance import Instance
from labs.platform import app, flux, keys, kubernetes, rollout
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.progress import Progress
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

NAMESPACE = "production"
YOUNGER = 20.0
"""Seconds by which a Deployment is younger than its namespace only if it was made again."""


def healed_fact(attempt: Attempt) -> str:
    """Return what became of the deleted Deployment. Raises NotYet while nobody deleted it."""
    deployment = _deployment(kubernetes.api(attempt.instance))
    if deployment is None:
        raise NotYet("it is gone, and not back yet")
    if not _made_again(attempt.instance, deployment):
        raise NotYet("it was not deleted yet")
    return f"it is back, made by {_makers(deployment)}, within Flux's interval of 30 s"


def healed(attempt: Attempt) -> str:
    """Wait until the deleted Deployment is back and runs."""
    cluster = kubernetes.api(attempt.instance)
    deployment = _deployment(cluster)
    if deployment is not None and not _made_again(attempt.instance, deployment):
        raise NotDone(
            "the Deployment hello is as old as its namespace: nobody has deleted it",
            expected="one that was deleted, and came back",
            todo="`kubectl delete deployment hello --namespace production`",
        )

    def back() -> Object:
        found = _deployment(cluster)
        if found is None:
            raise NotYet("the Deployment hello is gone; Flux looks every 30 s")
        rollout.finished(cluster, NAMESPACE, "hello")
        return found

    found = attempt.wait(
        back, what="the Deployment back, and its pods ready", todo="`flux get kustomizations`"
    )
    born = found["metadata"]["creationTimestamp"]
    return f"deleted, and made again by {_makers(found)} at {born}: Git still says it is there"


def keyless(attempt: Attempt) -> str:
    """Wait until the page shows what was pushed while the kubeconfig was hidden."""
    instance = attempt.instance
    if not keys.was_hidden(instance):
        raise NotDone(
            "the kubeconfig has never been away",
            expected="a commit that is pushed while it is hidden",
            todo="`lab keys hide`, then change the greeting, commit, push",
        )
    repo = attendees(instance)
    repo.fetch()
    commit = _pushed_without_key(instance)
    if commit is None:
        raise CheckFailed(
            "the kubeconfig is hidden, and nothing was pushed since"
            if keys.hidden(instance)
            else "the kubeconfig was hidden, and nothing was pushed meanwhile",
            expected="a commit that is pushed while it is hidden",
            todo=f"a new greeting in {HELLO}, `git commit -am Keyless`, `git push`",
        )
    greeting = value(repo, "GREETING", UPSTREAM)

    def shown() -> str:
        found = str(app.answer(instance)["greeting"])
        if found != greeting:
            raise NotYet(f"the page still says {found!r}")
        return found

    attempt.wait(
        shown,
        what=f"the page says {greeting!r}",
        todo="`lab keys back`, then `flux get kustomizations` shows what holds it up",
    )
    return f"{commit} was pushed while the key was hidden; the page says {greeting!r}"


def keys_back(attempt: Attempt) -> str:
    """Say that the kubeconfig is in its place, after it was away."""
    instance = attempt.instance
    if keys.hidden(instance):
        raise NotDone(
            "the kubeconfig is still hidden: kubectl reaches nothing",
            expected="the kubeconfig in its place",
            todo="`lab keys back`",
        )
    if not keys.was_hidden(instance):
        raise NotDone(
            "the kubeconfig is in its place, and was never away",
            expected="the step before this one",
            todo="`lab keys hide`, deploy without it, then `lab keys back`",
        )
    return f"kubectl reaches Kubernetes {kubernetes.api(instance).version()} again"


def second_source(attempt: Attempt) -> str:
    """Wait until objects of another repository are applied."""
    cluster = kubernetes.api(attempt.instance)

    def others() -> list[Object]:
        found = cluster.list(flux.SOURCE_API, "GitRepository", flux.NAMESPACE)
        return [each for each in found if flux.name(each) != flux.SOURCE]

    if not others() and not _source_pushed(attempt.instance):
        raise NotDone(
            "Flux knows one repository, the config repo",
            expected="a second GitRepository, and a Kustomization that applies it",
            todo="`flux create source git … --export` writes one into a file; commit and push it",
        )

    def applied() -> str:
        names = {flux.name(each): each for each in others()}
        for each in cluster.list(flux.KUSTOMIZE_API, "Kustomization", flux.NAMESPACE):
            source = names.get(each["spec"]["sourceRef"]["name"])
            if source is not None and flux.applied(each):
                number = len(flux.inventory(each))
                url = source["spec"]["url"]
                return f"{number} objects of {url} at {flux.applied(each)[:7]}"
        seen = [f"{name}: {flux.unwell(each) or 'no objects yet'}" for name, each in names.items()]
        raise NotYet("; ".join(seen) or "Flux has not seen the new source yet")

    return attempt.wait(
        applied,
        what="objects of a second repository",
        todo="`flux get sources git` and `flux get kustomizations` say what is missing",
    )


def _deployment(cluster: Cluster) -> Object | None:
    return cluster.get("apps/v1", "Deployment", "hello", NAMESPACE)


def _made_again(instance: Instance, deployment: Object) -> bool:
    """Return whether it is younger than its namespace, or was found so before.

    A later lab deletes the namespace as well, and then both are of one age again.
    """
    if Progress(instance).done("control-loop"):
        return True
    namespace = kubernetes.api(instance).get("v1", "Namespace", NAMESPACE)
    if namespace is None:
        return False
    born = [flux.moment(each["metadata"]["creationTimestamp"]) for each in (namespace, deployment)]
    return born[1] - born[0] > YOUNGER


def _makers(found: Object) -> str:
    """Return who wrote the object's spec, as the API server notes it."""
    managers = [
        entry["manager"]
        for entry in found["metadata"].get("managedFields", [])
        if "f:spec" in entry.get("fieldsV1", {})
    ]
    return ", ".join(managers) or "an unknown hand"


def _pushed_without_key(instance: Instance) -> Commit | None:
    repo = attendees(instance)
    for sha, at in repo.pushes().items():
        # Git notes older pushes in whole seconds.
        if keys.was_hidden(instance, at) or keys.was_hidden(instance, at + 1.0):
            return repo.commit(sha)
    return None


def _source_pushed(instance: Instance) -> bool:
    repo = attendees(instance)
    repo.fetch()
    paths = [path for path in repo.files(UPSTREAM) if path.startswith("clusters/")]
    texts = [repo.text(path, UPSTREAM) for path in paths]
    return sum(len(re.findall(r"^kind: GitRepository", text, re.MULTILINE)) for text in texts) > 1
