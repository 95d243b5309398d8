"""A lab is put back from whatever a person leaves behind; and labs are done in any order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labs import catalogue, solve
from labs.catalogue import Lab
from labs.exercises import drift_evidence as evidence
from labs.exercises.evidence import HELLO
from labs.gitops import ci, loan, lock
from labs.gitops.app_versions import APP, app_repo, version_in
from labs.gitops.app_versions.trees import VERSION_FILE
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import attendees
from labs.gitops.desk import Desk, carry_out
from labs.instance import Instance
from labs.platform import console, docker, flux, keys, kind, kubernetes, registry, workspace
from labs.platform.environment import environment
from labs.platform.flux import OWNER
from labs.platform.steps import Steps
from labs.progress import Progress
from labs.reset import again, ahead, cluster, config_tree, spaces
from labs.reset.again import Report
from labs.reset.contents import Contents
from labs.reset.kubectl import Kubectl
from labs.reset.starts import start_of
from labs.run import CommandFailed, run
from labs.understudy import semver
from labs.wait import NotYet, wait_for

SEED = int(os.environ.get("LAB_SHUFFLE_SEED") or 7)
COUNT = int(os.environ.get("LAB_SHUFFLE_COUNT") or 3)
"""Each run has the same order, unless another is asked for: a failure is to be had again."""
ORDER = random.Random(SEED).sample(catalogue.LABS, COUNT)  # noqa: S311 - no secret
FIFTH = catalogue.lab_named("deploy")
HELD = '{"metadata":{"finalizers":["example.org/nobody-takes-me-off"]}}'
STRETCH = ("clusters/hackfest/team.yaml",)
"""What a stretch step adds, and no later lab stands on: the start of a lab is without it."""


@pytest.fixture(autouse=True)
def as_the_attendee(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(instance).items():
        monkeypatch.setenv(name, value)


def put_back(instance: Instance, lab: Lab = FIFTH) -> Report:
    report = again.reset(instance, lab, Steps(instance.durations))
    assert f"at the start of lab {lab.heading}" in report.text()
    return report


def git(instance: Instance, folder: str, *words: str) -> str:
    return run("git", *words, cwd=instance.work / folder, env=environment(instance), timeout=60)


def push(instance: Instance, path: str, text: str, words: str) -> str:
    """Commit a file's new text as the reader does, push it, and return the commit."""
    git(instance, "config-repo", "pull", "--quiet", "--rebase")
    (instance.work / "config-repo" / path).write_text(text)
    git(instance, "config-repo", "add", "--all")
    git(instance, "config-repo", "commit", "--quiet", "--message", words)
    git(instance, "config-repo", "push", "--quiet")
    return git(instance, "config-repo", "rev-parse", "HEAD").strip()


def hello(instance: Instance) -> str:
    return (instance.work / "config-repo" / HELLO).read_text()


def namespace_deleted(instance: Instance) -> None:
    Kubectl(instance)("delete", "namespace", "production", "--wait=false")


def namespace_stuck(instance: Instance) -> None:
    kubectl = Kubectl(instance)
    kubectl("create", "configmap", "stuck", "--namespace=production")
    words = ("--namespace=production", "--type=merge", f"--patch={HELD}")
    kubectl("patch", "configmap", "stuck", *words)
    kubectl("delete", "namespace", "production", "--wait=false")


def flux_suspended(instance: Instance) -> None:
    env = environment(instance)
    run("flux", "suspend", "kustomization", "--all", env=env)
    run("flux", "suspend", "source", "git", "config", env=env)


def flux_deleted(instance: Instance) -> None:
    Kubectl(instance)("delete", "namespace", flux.NAMESPACE, "--wait=false")


def types_deleted(instance: Instance) -> None:
    Kubectl(instance)("delete", "crd", *cluster.KINDS, "--wait=false")


def head_broken(instance: Instance) -> None:
    push(instance, "apps/production/kustomization.yaml", "resources: [:\n", "Break it")


def locked(instance: Instance) -> None:
    put_back(instance, catalogue.lab_named("drift"))  # another version than the one to go to
    desk = Desk.of(instance)
    carry_out(desk, lock.lock(desk, "hello", "nobody touches it"), show=lambda diff: None)


def rollout_wedged(instance: Instance) -> None:
    push(instance, HELLO, hello(instance).replace("hello:0.9.0", "hello:9.9.9"), "Nobody built it")
    Kubectl(instance)("rollout", "pause", "deployment/hello", "--namespace=production")


def monitoring_on(instance: Instance) -> None:
    put_back(instance, catalogue.lab_named("incident"))


def measurement_killed(instance: Instance) -> None:
    """As by a closed lid: the app is borrowed, and nobody has given it back."""
    words = (sys.executable, "-m", "labs.cli", "bench", "release", "--runs=1")
    with subprocess.Popen(words, env=environment(instance), stdout=subprocess.DEVNULL) as bench:

        def borrowed() -> None:
            if not (instance.root / "loan.json").exists():
                raise NotYet("nobody has borrowed the app")

        wait_for(borrowed, what="a measurement that has begun", timeout=60, interval=0.1)
        bench.kill()


def containers_stopped(instance: Instance) -> None:
    for part in ("git", "registry", "ci-runner"):
        docker.stop_container(instance.container(part), timeout=2)


def cluster_stopped(instance: Instance) -> None:
    docker.stop_container(kind.node(instance), timeout=5)


def cluster_deleted(instance: Instance) -> None:
    docker.remove_container(kind.node(instance))


def key_hidden_and_progress_damaged(instance: Instance) -> None:
    keys.hide(instance)
    Progress(instance).path.write_text("{")


def things_of_ones_own(instance: Instance) -> None:
    kubectl, where = Kubectl(instance), "--namespace=production"
    kubectl("create", "configmap", "mine", where)
    kubectl("create", "serviceaccount", "mine", where)
    kubectl("create", "quota", "mine", "--hard=pods=20", where)
    kubectl("annotate", "deployment/hello", "example.org/mine=1", where)


def namespace_labelled(instance: Instance) -> None:
    Kubectl(instance)("label", "namespace", "production", "example.org/mine=1")


STATES: tuple[tuple[Callable[[Instance], None], ...], ...] = (
    (namespace_deleted, containers_stopped, key_hidden_and_progress_damaged),
    (namespace_stuck, head_broken),
    (locked, flux_suspended),
    (flux_deleted,),
    (types_deleted,),
    (rollout_wedged, things_of_ones_own),
    (monitoring_on, measurement_killed, namespace_labelled),
    (cluster_stopped,),
    (cluster_deleted,),
)
"""Together: what is seen to at different places of a reset, so that one does not hide the other."""
SHORT = (STATES[0], (cluster_deleted,))
"""In each `make test`; all of them in `make test-all`."""
OF_THE_APP = {"deployments/hello", "services/hello"}
MADE_OF_IT = ("pods/", "replicasets/", "endpoints/", "endpointslices/")


def begin(instance: Instance) -> None:
    """Be at the lab whose things are broken, or taken away: they have to be there."""
    if again.current_lab(instance) != FIFTH:
        put_back(instance)


@pytest.mark.parametrize(
    "broken",
    [pytest.param(one, marks=[] if one in SHORT else [pytest.mark.long]) for one in STATES],
    ids=lambda states: "-and-".join(state.__name__ for state in states),
)
def test_any_state_is_put_back(
    instance: Instance, broken: tuple[Callable[[Instance], None], ...]
) -> None:
    begin(instance)
    for state in broken:
        state(instance)
    put_back(instance)
    # The reset looks for itself; this looks once more, past its own functions.
    api = kubernetes.api(instance)
    consoles = kubernetes.connected(console.home(instance) / "kubeconfig")
    assert consoles.list("v1", "Node"), "the console's key is of a cluster that is gone"
    assert flux.agents(api) == dict.fromkeys(flux.COMPONENTS, "running")
    assert set(Kubectl(instance).namespaces()) == {flux.NAMESPACE, "production"}
    space = api.get("v1", "Namespace", "production") or {}
    assert "example.org/mine" not in space["metadata"]["labels"]
    there = Contents(api, "production").left()
    assert {one for one in there if not one.startswith(MADE_OF_IT)} == OF_THE_APP
    found = api.get("apps/v1", "Deployment", "hello", "production") or {}
    assert "example.org/mine" not in found["metadata"]["annotations"]
    [container] = found["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry:5000/hello:0.9.0"
    assert found["status"]["readyReplicas"] == 2
    assert not any(flux.suspended(one) for one in flux.kustomizations(api))
    assert not loan.give_back(instance, print), "what was lent before the reset is forgotten"
    log = git(instance, "config-repo", "log", "-1", "--format=%an|%s|%(trailers:only)")
    assert log.startswith("Instructor|Reset to the start of lab 05|Lab-Event: reset")


def test_what_is_as_flux_made_it_stays(instance: Instance) -> None:
    begin(instance)
    before = kubernetes.api(instance).get("v1", "Namespace", "production") or {}
    assert spaces.only_fluxs(before), "nobody but Flux has written to it"
    report = put_back(instance, catalogue.lab_named("automate"))
    after = kubernetes.api(instance).get("v1", "Namespace", "production") or {}
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert "production runs 1.0.0" in report.text()


def test_monitoring_goes_with_all_that_it_has_outside_of_namespaces(instance: Instance) -> None:
    kinds = "clusterroles,clusterrolebindings,validatingadmissionpolicies,crds"

    def cluster_wide(selector: str) -> list[str]:
        words = ("get", kinds, f"--selector={selector}", "--output=name")
        return Kubectl(instance)(*words).split()

    last, before = catalogue.LABS[-1], catalogue.LABS[-2]
    put_back(instance, last)
    assert cluster_wide(f"{OWNER}=monitoring"), "there is something to take away"
    put_back(instance, before)
    assert cluster_wide(f"{OWNER}=monitoring") == []
    assert cluster_wide(OWNER), "image automation stays"
    put_back(instance, last)
    # Where Flux is woken before its object's end is written down, it still applies the one of
    # before, whose namespace goes meanwhile, and holds the new one up until that has failed.
    api = kubernetes.api(instance)
    found = api.get(flux.KUSTOMIZE_API, "Kustomization", "monitoring", flux.NAMESPACE) or {}
    ended = {one["lastReconciledStatus"] for one in found["status"]["history"]}
    assert ended == {"ReconciliationSucceeded"}
    receiver = "receivers.notification.toolkit.fluxcd.io/git-server"
    for one in ("clusterrole/prometheus", receiver):
        where = f"--namespace={flux.NAMESPACE}"
        Kubectl(instance)("patch", one, where, "--type=merge", f"--patch={HELD}")
    put_back(instance)
    assert cluster_wide(OWNER) == [], "neither a role that is held, nor the type of what is"
    put_back(instance, catalogue.LABS[0])
    assert cluster_wide(OWNER) == [], "without Flux, too"


def test_what_flux_will_apply_begins_while_flux_starts(instance: Instance) -> None:
    put_back(instance, catalogue.LABS[0])
    put_back(instance, catalogue.LABS[-1])
    api = kubernetes.api(instance)
    ahead_of_flux: list[str] = []
    for one in api.list(flux.KUSTOMIZE_API, "Kustomization", flux.NAMESPACE):
        for what, namespace, name in flux.inventory(one):
            if what != "Deployment" or flux.name(one) == flux.ROOT:
                continue
            ahead_of_flux.append(name)
            made = api.get("apps/v1", what, name, namespace) or {}
            assert evidence.born(made) < evidence.born(one), name
            assert made["metadata"]["generation"] == 1, f"Flux has changed {name}"
    assert {"hello", "prometheus", "exporter", "alertmanager"} <= set(ahead_of_flux)


def test_agents_that_a_cut_off_reset_has_left_go_with_the_next(instance: Instance) -> None:
    put_back(instance, FIFTH)
    ahead.apply(instance, start_of(catalogue.LABS[-1]), "hackfest")
    api = kubernetes.api(instance)

    def agents() -> set[str]:
        return {flux.name(one) for one in api.list("apps/v1", "Deployment", flux.NAMESPACE)}

    assert agents() > set(flux.COMPONENTS), "there is something to take away"
    put_back(instance, FIFTH)
    assert agents() == set(flux.COMPONENTS)
    assert "monitoring" not in Kubectl(instance).namespaces()


def test_nothing_that_the_reader_wrote_is_lost(instance: Instance) -> None:
    begin(instance)
    config, app = instance.work / "config-repo", instance.work / "app-repo"
    # In one clone: a rebase that stopped in a conflict, and a file that Git does not know.
    base = git(instance, "config-repo", "rev-parse", "HEAD").strip()
    theirs = push(instance, HELLO, hello(instance).replace("replicas: 2", "replicas: 4"), "Four")
    git(instance, "config-repo", "checkout", "--quiet", "-B", "main", base)
    (config / HELLO).write_text(hello(instance).replace("replicas: 2", "replicas: 5"))
    git(instance, "config-repo", "commit", "--quiet", "--all", "--message", "Five")
    mine = git(instance, "config-repo", "rev-parse", "HEAD").strip()
    with pytest.raises(CommandFailed):
        git(instance, "config-repo", "rebase", theirs)
    (config / "thoughts.txt").write_text("not to be lost\n")
    # In the other: detached, with a commit, and a lock of a git that was killed.
    git(instance, "app-repo", "checkout", "--quiet", "--detach")
    (app / "idea.py").write_text("VALUE = 1\n")
    git(instance, "app-repo", "add", "idea.py")
    git(instance, "app-repo", "commit", "--quiet", "--message", "An idea")
    idea = git(instance, "app-repo", "rev-parse", "HEAD").strip()
    (app / ".git" / "index.lock").touch()
    notebook = instance.work / "notebooks" / FIFTH.notebook
    notebook.write_text(notebook.read_text().replace('"cells": [', '"cells": [ ', 1) + "\n# mine")
    report = put_back(instance)
    branches = {(one.folder, one.what): one.where for one in report.kept}
    unsaved = branches["config-repo", "your uncommitted files"]
    shown = git(instance, "config-repo", "show", f"{unsaved}:thoughts.txt")
    assert shown == "not to be lost\n"
    assert "<<<<<<<" in git(instance, "config-repo", "show", f"{unsaved}:{HELLO}")
    kept = branches["config-repo", "your unpushed commits of main"]
    assert git(instance, "config-repo", "rev-parse", kept).strip() == mine
    kept = branches["app-repo", "your unpushed commits"]
    assert git(instance, "app-repo", "rev-parse", kept).strip() == idea
    for folder in workspace.CLONES:
        status = git(instance, folder, "status", "--porcelain", "--branch")
        assert status.strip() == "## main...origin/main", "on main, clean, neither ahead nor behind"
    assert report.notebooks == (FIFTH.notebook,)
    aside = report.aside / "notebooks" / FIFTH.notebook
    assert aside.read_text().endswith("# mine")
    assert not notebook.read_text().endswith("# mine")
    # History is kept: what was pushed before is still there, and nothing was taken off.
    assert attendees(instance).contains(UPSTREAM, theirs)


@pytest.mark.long
def test_a_bot_at_work_does_not_move_what_is_put_back(instance: Instance) -> None:
    put_back(instance, catalogue.lab_named("rollback"))  # the bot is awake, and prefers 1.3.0
    put_back(instance, catalogue.lab_named("drift"))
    log = git(instance, "config-repo", "log", "-1", "--format=%an", "origin/main")
    assert log.strip() == "Instructor"
    assert cluster.runs(instance) == "1.2.0"


def test_a_clone_that_is_none_any_more_is_moved(instance: Instance) -> None:
    folder = instance.work / "config-repo"
    (folder / ".git").rename(folder / "git-that-was")
    (folder / "essay.txt").write_text("long\n")
    report = put_back(instance)
    [moved] = [one for one in report.kept if one.folder == "config-repo"]
    assert (Path(moved.where) / "essay.txt").read_text() == "long\n"
    assert git(instance, "config-repo", "status", "--porcelain") == ""


@pytest.mark.long
def test_cut_off_it_is_run_again_and_ends_well(instance: Instance) -> None:
    words = [sys.executable, "-m", "labs.cli", "reset", "rollback"]
    for seconds in (8.0, 1.5, 4.0):  # each begins with what the one before has left
        with subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL) as running:
            try:
                running.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
    put_back(instance, catalogue.lab_named("automate"))


def test_putting_the_app_repo_back_starts_no_ci_and_a_push_does(instance: Instance) -> None:
    assert again.current_lab(instance).name != "pipeline", "the app repo is at a later version"
    before = {one.number for one in ci.runs(instance, 1000)}
    put_back(instance, catalogue.lab_named("pipeline"))
    assert {one.number for one in ci.runs(instance, 1000)} == before
    git(instance, "app-repo", "commit", "--quiet", "--allow-empty", "--message", "Build it")
    git(instance, "app-repo", "push", "--quiet")
    pushed = git(instance, "app-repo", "rev-parse", "HEAD").strip()
    run_ = ci.of_commit(instance, pushed)
    assert run_ is not None, "CI hears of the reader's pushes after a reset"
    ci.wait(instance, run_.number)


@pytest.mark.parametrize(
    "place", [0, *(pytest.param(one, marks=pytest.mark.long) for one in range(1, COUNT))]
)
def test_labs_in_any_order(
    instance: Instance, place: int, record_property: Callable[[str, object], None]
) -> None:
    lab = ORDER[place]
    print(f"LAB_SHUFFLE_SEED={SEED} LAB_SHUFFLE_COUNT={COUNT}: {[one.name for one in ORDER]}")
    report = put_back(instance, lab)
    solve.catch_up(lab)
    assert all(Progress(instance).done(step.id) for step in lab.steps)
    record_property(
        "table", f"seed {SEED}: reset to {lab.name} in {report.seconds:.1f} s, and solved"
    )
    if lab == catalogue.LABS[-1]:
        return
    # What the solutions leave behind is what the next lab's start is constructed as.
    following = start_of(catalogue.LABS[lab.number + 1])
    built = [tag for tag in registry.tags(instance, APP) if semver.parse_tag(tag)]
    assert sorted(built) == sorted(following.versions)
    app = app_repo(instance)
    assert version_in(app.text(VERSION_FILE, app.fetch().sha)) == following.version
    repo = attendees(instance)
    draft = repo.tree(repo.fetch().sha)
    config_tree.write_whole(draft, following, "hackfest")
    assert draft.touched <= {*STRETCH}, draft.diff()
    expected = following.deployed if following.agents else ""
    assert cluster.runs(instance) == expected
