"""The checks of lab `deploy` on commits that cannot be applied, or ask for what is not there."""

from __future__ import annotations

import posixpath
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from labs.exercises.evidence import MOST, live, way
from labs.exercises.releases import (
    Move,
    answering,
    fetched,
    moves,
    next_move,
    refuse_kept_back,
    short,
    version,
)
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import flux, kubernetes, objects, registry
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

FOLDER = "apps/production"
KUSTOMIZATION = f"{FOLDER}/kustomization.yaml"
APP = "hello"
WRONG = "1.10.0"
"""A version that nobody built: a slip of the finger."""
NO_IMAGE = ("ErrImagePull", "ImagePullBackOff")


def broken_path_fact(attempt: Attempt) -> str:
    """Return what a commit with a broken path did to the pods. Raises NotYet before there is one.

    What is told rests on history alone, so that it is the same when all is mended.
    """
    repo = fetched(attempt.instance)
    broken = broken_commit(repo)
    if broken is None:
        raise NotYet("no commit names a file that is not there")
    return (
        f"nothing at all: Flux could not build {broken.short}, so it applied none of it, "
        f"and {version(repo, broken.sha)} went on answering"
    )


def broken_path(attempt: Attempt) -> str:
    """Wait until Flux says what is wrong with a commit; return that, and what the page says."""
    repo = fetched(attempt.instance)
    broken = broken_commit(repo)
    if broken is None:
        _refuse_kept_back(repo)
        raise NotDone(
            f"every file that {KUSTOMIZATION} names is there, in every commit",
            expected="a pushed commit that names one that is not",
            todo=f"add `  - banner.yaml` below `resources:` in {KUSTOMIZATION}, commit, push",
        )
    lacking = missing(repo, broken.sha)[0]
    if not missing(repo, UPSTREAM):
        return f"{broken} named {lacking}, which was not there; by now it is mended"
    said = attempt.wait(
        lambda: _complaint(attempt.instance, lacking),
        what="Flux's own words about it",
        todo="`flux get kustomizations` shows which commit Flux is at",
    )
    page = attempt.wait(
        lambda: answering(attempt.instance), what="the page answering", todo="`kubectl get pods`"
    )
    return f"Flux says of {broken.short}: {said} | meanwhile {page}"


def mended_path(attempt: Attempt) -> str:
    """Wait until the commit is live that mended a broken path."""
    repo = fetched(attempt.instance)
    broken = broken_commit(repo)
    lacking = missing(repo, UPSTREAM)
    if broken is None or lacking:
        raise NotDone(
            f"the newest commit still names {lacking[0]}, which is not there"
            if lacking
            else "nothing was broken, so nothing can be mended",
            expected="a newer commit in which every name stands for something",
            todo="take the line out again (or `git revert` the commit), commit, push",
        )
    since = repo.log(f"{broken.sha}..{UPSTREAM}", most=MOST)
    cure = next((each for each in reversed(since) if not missing(repo, each.sha)), since[0])
    seen = live(attempt, cure)
    stood = (cure.when - broken.when).total_seconds()
    return f"{cure} mends what stood in Git for {stood:.0f} s: {way(seen)}"


def wrong_tag_fact(attempt: Attempt) -> str:
    """Return what a version that does not exist did. Raises NotYet before there is such a commit.

    As above, it rests on history and the registry.
    """
    repo = fetched(attempt.instance)
    wrong = wrong_move(attempt.instance, repo)
    if wrong is None:
        raise NotYet("no commit asks for a version that does not exist")
    return (
        f"Flux applied {wrong.commit.short}, for it is good YAML; one new pod came that could not "
        f"get its image, and the pods of {wrong.before} stayed until it would be ready"
    )


def wrong_tag(attempt: Attempt) -> str:
    """Wait until a pod says that its image is not there; return that, and what the page says."""
    instance = attempt.instance
    repo = fetched(instance)
    wrong = wrong_move(instance, repo)
    if wrong is None:
        refuse_kept_back(repo, WRONG)
        raise NotDone(
            f"production is to run {version(repo, UPSTREAM)}, and the registry has it",
            expected="a pushed commit that asks for a version which nobody built",
            todo=f"write {WRONG} in place of the version in {FOLDER}/hello.yaml, commit, push",
        )
    if version(repo, UPSTREAM) != wrong.after:
        return f"{wrong} asked for an image that nobody built; by now it is mended"
    pod = attempt.wait(
        lambda: _pod_without_image(instance, wrong.after),
        what=f"a pod that waits for {APP}:{wrong.after}",
        todo="`flux get kustomizations`: has Flux applied it? `kubectl get pods -n production`",
    )
    page = attempt.wait(
        lambda: answering(instance), what="the page answering", todo="`kubectl get pods`"
    )
    return f"{pod} for {APP}:{wrong.after}, which nobody built | meanwhile {page}"


def mended_tag(attempt: Attempt) -> str:
    """Wait until the commit is live that took a wrong version back."""
    instance = attempt.instance
    repo = fetched(instance)
    wrong = wrong_move(instance, repo)
    found = moves(repo)
    cure = next_move(found, wrong) if wrong is not None else None
    if wrong is None or cure is None:
        raise NotDone(
            f"production still asks for {APP}:{wrong.after}"
            if wrong is not None
            else "no version that nobody built was asked for, so none can be taken back",
            expected="a newer commit that names a version of the registry",
            todo="`git revert --no-edit HEAD`, then `git push`",
        )
    seen = live(attempt, cure.commit)
    return f"{cure}: {way(seen)}"


def missing(repo: ConfigRepo, revision: str = "") -> list[str]:
    """Return what production's kustomization names and does not have, in a commit or the folder."""
    if revision:
        text, files = repo.text(KUSTOMIZATION, revision), repo.files(revision)
    else:
        path = repo.path / KUSTOMIZATION
        text = path.read_text() if path.exists() else ""
        files = [each.relative_to(repo.path).as_posix() for each in repo.path.rglob("*.yaml")]
    return [name for name in named(text) if not _there(posixpath.join(FOLDER, name), files)]


def broken_commit(repo: ConfigRepo) -> Commit | None:
    """Return the newest pushed commit that made production name what is not there."""
    for commit in repo.log(UPSTREAM, KUSTOMIZATION, MOST):
        if missing(repo, commit.sha):
            return commit
    return None


def wrong_move(instance: Instance, repo: ConfigRepo) -> Move | None:
    """Return the newest pushed commit that asks for a version which the registry does not have."""
    there = registry.tags(instance, APP)
    return next((move for move in moves(repo) if move.after not in there), None)


def named(text: str) -> list[str]:
    """Return what a kustomization.yaml names: resources, and the files of patches."""
    try:
        found: Any = YAML(typ="safe", pure=True).load(StringIO(text)) or {}
    except YAMLError as broken:  # no YAML at all: what it says is the best name there is
        return [short(str(broken), 60)]
    if not isinstance(found, dict):
        return [KUSTOMIZATION]
    patches = [each.get("path") for each in found.get("patches") or [] if isinstance(each, dict)]
    return [str(name) for name in [*(found.get("resources") or []), *patches] if name]


def _there(path: str, files: list[str]) -> bool:
    """Return whether a path stands for a file, or for a folder that has some."""
    target = posixpath.normpath(path)
    return any(file == target or file.startswith(f"{target}/") for file in files)


def _refuse_kept_back(repo: ConfigRepo) -> None:
    """Raise CheckFailed where the reader's clone has a broken path that is not pushed."""
    if missing(repo) and not missing(repo, "HEAD"):
        raise CheckFailed(
            f"{KUSTOMIZATION} names {missing(repo)[0]}, and no commit does",
            expected="a commit of it, pushed: you want to see what Flux says",
            todo="`git commit --all --message Break`, then `git push`",
        )
    if missing(repo, "HEAD"):
        raise CheckFailed(
            f"{repo.commit()} names a file that is not there, and is not pushed",
            expected="that commit on the Git server",
            todo="`git push`",
        )


def _complaint(instance: Instance, lacking: str) -> str:
    """Return what Flux says of a missing file. Raises NotYet until it does."""
    for found in flux.kustomizations(kubernetes.api(instance)):
        said = flux.unwell(found)
        if posixpath.basename(lacking) in said or "build failed" in said:
            return f"{flux.name(found)}: {short(said)}"
    raise NotYet("Flux has said nothing of it yet")


def _pod_without_image(instance: Instance, tag: str) -> str:
    """Return the pod that cannot get its image, and what it says. Raises NotYet."""
    pods = kubernetes.api(instance).list("v1", "Pod", "production")
    for pod in pods:
        images = [each["image"] for each in pod["spec"]["containers"]]
        state = objects.pod_state(pod)
        if state in NO_IMAGE and any(image.endswith(f":{tag}") for image in images):
            return f"{pod['metadata']['name']}: {state}"
    raise NotYet(", ".join(objects.pod_state(pod) for pod in pods) or "no pods")
