"""The way of a commit on a live cluster: its stages and times, and what is said where it stops."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from labs.errors import LabError
from labs.gitops import instances, sync
from labs.gitops.commits import Commit, Message
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.draft import Draft
from labs.gitops.git_words import GitServerAway
from labs.gitops.stages import STAGES, Sync
from labs.instance import Instance
from labs.platform import app, docker, flux, git_server, kubernetes
from labs.platform.kubernetes import Cluster
from labs.shell import visible
from labs.wait import NotYet, wait_for
from tests.cluster.connected import connect, handled

FILE = "apps/production/hello.yaml"
APPS = "clusters/hackfest/apps.yaml"


@pytest.fixture(scope="module", autouse=True)
def connected(instance: Instance) -> None:
    connect(instance)


@pytest.fixture
def repo(instance: Instance) -> ConfigRepo:
    return attendees(instance)


def write(repo: ConfigRepo, change: Callable[[Draft], None], subject: str = "Test") -> Commit:
    return repo.write(Message(subject), change).commit


def greet(words: str) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        pattern = re.compile(r"(name: GREETING\n\s*value: ).*")
        draft.write(FILE, pattern.sub(rf"\g<1>{words}", draft.read(FILE)))

    return change


@contextmanager
def cured(instance: Instance, repo: ConfigRepo, path: str) -> Iterator[None]:
    """Put a file back as it was, by a commit, and see that it goes live."""
    before = repo.read(path, repo.fetch().sha)
    yield
    cure = write(repo, lambda draft: draft.write(path, before), "Mend it")
    sync.follow(instance, cure.sha, timeout=240)


def looked(cluster: Cluster) -> None:
    source = flux.source(cluster)
    assert source is not None
    if not handled(source):
        raise NotYet("Flux has not looked yet")


def test_a_commit_passes_the_stages_in_order(instance: Instance, repo: ConfigRepo) -> None:
    looks: list[Sync] = []
    greeting = f"Hello after {repo.fetch().short}"
    # Right after a poll: so the next one is some looks away, and its countdown is to be seen.
    cluster = kubernetes.api(instance)
    flux.reconcile(cluster, flux.SOURCE_API, "GitRepository", flux.SOURCE)
    wait_for(lambda: looked(cluster), what="a poll", timeout=60, interval=0.1)
    commit = write(repo, greet(greeting))
    seen = sync.follow(instance, commit.sha, timeout=240, on_look=looks.append)
    for before, after in pairwise(seen.reached[stage] for stage in STAGES):
        assert before.at - before.within <= after.at + after.within
    assert all(seen.reached[stage].within < sync.CLOSE_SECONDS for stage in STAGES)
    assert app.answer(instance)["greeting"] == greeting
    polls = [look.poll for look in looks if look.poll is not None]
    assert polls, "the countdown needs to know when Flux polled"
    assert polls[0].interval == 10.0
    # A later look, of another command, tells the same times.
    assert sync.look(instance, commit.sha).reached == seen.reached


def test_what_runs_is_what_the_applied_commit_renders_to(
    instance: Instance, repo: ConfigRepo
) -> None:
    cluster = kubernetes.api(instance)
    applied = flux.fetched(flux.source(cluster))
    rendered = repo.render("apps/production", applied)
    assert [found["kind"] for found in rendered] == ["Namespace", "Service", "Deployment"]
    for found in rendered:
        meta = found["metadata"]
        live = cluster.get(found["apiVersion"], found["kind"], meta["name"], meta.get("namespace"))
        assert live is not None
        if found["kind"] == "Deployment":
            assert live["spec"]["replicas"] == found["spec"]["replicas"]
            [wanted] = found["spec"]["template"]["spec"]["containers"]
            [running] = live["spec"]["template"]["spec"]["containers"]
            assert (running["image"], running["env"]) == (wanted["image"], wanted["env"])


def test_a_suspended_flux_is_named_with_its_remedy(instance: Instance, repo: ConfigRepo) -> None:
    with flux.left_alone(instance, "apps"):
        commit = write(repo, greet("Hello suspended"))
        with pytest.raises(sync.Stuck, match="'apps' is suspended") as stuck:
            sync.follow(instance, commit.sha, timeout=60)
        assert stuck.value.todo == "`flux resume kustomization apps`"
    sync.follow(instance, commit.sha, timeout=240)


@pytest.mark.long
def test_a_commit_that_does_not_build_is_told_in_flux_s_words(
    instance: Instance, repo: ConfigRepo
) -> None:
    with cured(instance, repo, FILE):
        broken = write(repo, lambda draft: draft.write(FILE, draft.read(FILE) + "\n  - : nonsense"))
        with pytest.raises(sync.Stuck, match="'apps' says: kustomize build failed"):
            sync.follow(instance, broken.sha, timeout=60)
        with pytest.raises(LabError, match="kustomize"):
            repo.render("apps/production")
        assert app.answer(instance)["app"] == "hello", "what ran before goes on"


@pytest.mark.long
def test_a_folder_that_is_not_there_is_told(instance: Instance, repo: ConfigRepo) -> None:
    with cured(instance, repo, APPS):
        broken = write(repo, lambda d: d.replace(APPS, "./apps/production", "./apps/nowhere"))
        with pytest.raises(sync.Stuck, match="path not found"):
            sync.follow(instance, broken.sha, timeout=60)


def test_the_cure_of_an_image_that_is_not_there_does_not_wait_for_it(
    instance: Instance, repo: ConfigRepo
) -> None:
    def applied(seen: Sync) -> None:
        if "applied" in seen.reached:
            raise StopIteration

    found = re.search(r"hello:[\w.-]+", repo.read(FILE, repo.fetch().sha))
    assert found is not None
    image, missing = found[0], "hello:0.0.1"
    wrong = write(repo, lambda draft: draft.replace(FILE, image, missing))
    with pytest.raises(StopIteration):
        sync.follow(instance, wrong.sha, timeout=60, on_look=applied)
    cure = write(repo, lambda draft: draft.replace(FILE, missing, image))
    seen = sync.follow(instance, cure.sha, timeout=120)
    assert seen.seconds("applied", "fetched") < 15.0, "the health checks' timeout is 30 s"


def test_a_commit_that_is_not_pushed_is_told_at_once(instance: Instance, repo: ConfigRepo) -> None:
    visible(instance, "git commit --quiet --allow-empty --message 'Not pushed'")
    try:
        with pytest.raises(sync.Stuck, match="'Not pushed' is not on the Git server"):
            sync.follow(instance, timeout=60)
    finally:
        visible(instance, "git reset --quiet --keep HEAD~1")


def test_a_git_server_that_is_down_is_named_and_nothing_is_half_done(
    instance: Instance, repo: ConfigRepo
) -> None:
    before = repo.commit()
    docker.stop_container(instance.container("git"))
    try:
        with pytest.raises(GitServerAway) as away:
            write(repo, greet("Hello nobody"))
        assert git_server.url(instance, "config") in away.value.found
    finally:
        git_server.ensure(instance)
    assert repo.commit() == before
    sync.follow(instance, write(repo, greet("Hello again")).sha, timeout=240)


def test_one_cluster_is_one_instance(instance: Instance) -> None:
    with pytest.raises(LabError, match="is the instance 'hackfest' already"):
        instances.create(instance, "another")
    with pytest.raises(LabError, match="the name 'Not-A-Name'"):
        instances.create(instance, "Not-A-Name")
    assert instances.create(instance, "hackfest") is None, "all of it is there"
