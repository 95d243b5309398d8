"""The overview in a browser: the loop as kubectl and git have it, and each outage in place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.gitops.stages import STAGES
from labs.instance import Instance
from labs.platform import docker, flux, kubernetes, objects
from labs.platform.environment import environment
from labs.run import run
from labs.wait import NotYet
from tests.browser.console_lab import differs
from tests.browser.console_page import Visitor, looks_well
from tests.cluster.automation import until, write

pytestmark = pytest.mark.usefixtures("connected")

HELLO = "apps/production/hello.yaml"
WAIT = 60_000


def greet(instance: Instance, words: str) -> str:
    """Push a commit that changes the app's greeting; return its name."""

    def change(draft: Draft) -> None:
        text = draft.read(HELLO)
        new = re.sub(r"(name: GREETING\n\s*value: ).*", rf"\g<1>{words}", text)
        draft.write(HELLO, new)

    return write(instance, f"Greet: {words}", change).sha


def test_it_draws_the_loop_as_kubectl_and_git_have_it(console: Page, instance: Instance) -> None:
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    head = attendees(instance).fetch()
    expect(console.locator("#box-git")).to_contain_text(head.short)
    cluster = kubernetes.api(instance)
    for one in flux.kustomizations(cluster):
        row = console.locator(f"#kustomization-{flux.name(one)}")
        expect(row).to_contain_text(flux.applied(one)[:7])
        expect(row).to_contain_text(one["spec"]["path"])
    names = run(
        *("kubectl", "get", "pods", "--namespace", "production"),
        *("--selector", "app.kubernetes.io/name=hello", "--output", "name"),
        env={"KUBECONFIG": str(instance.kubeconfig)},
    ).split()
    pods = console.locator("[aria-labelledby=pods-title] li")
    expect(pods).to_have_count(len(names))
    for name in names:
        expect(console.locator("[aria-labelledby=pods-title]")).to_contain_text(name[-5:])
    expect(console.locator(".journey li.good")).to_have_count(4)
    looks_well(console, "overview")


def test_a_commit_is_seen_on_its_way_without_a_reload(console: Page, instance: Instance) -> None:
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    console.evaluate("window.mark = 1")
    # Every state that the verdict has while the commit is on its way, as the page shows it.
    console.evaluate(
        """() => { window.seen = []; new MutationObserver(() => {
             const words = document.getElementById("verdict-words")?.textContent.slice(2);
             if (words && window.seen.at(-1) !== words) window.seen.push(words);
           }).observe(document.body, {subtree: true, childList: true}); }"""
    )
    sha = greet(instance, "seen by the overview")
    expect(console.locator("#box-git")).to_contain_text(sha[:7], timeout=WAIT)
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    expect(console.locator(".journey li.good")).to_have_count(4)
    assert console.evaluate("window.mark") == 1
    assert "On its way" in console.evaluate("window.seen")


def commits(instance: Instance, kind: str) -> dict[str, str]:
    """Return the commit that each object of Flux has, as `flux get` tells it, by its name."""
    words = ("get", *kind.split(), "--namespace", flux.NAMESPACE, "--no-header")
    told = run("flux", *words, env=environment(instance), timeout=60)
    found = {}
    for line in told.splitlines():
        name, rest = line.split(maxsplit=1)
        short = re.search(r"@sha1:([0-9a-f]{7})", rest)
        found[name] = short[1] if short else ""
    return found


def test_it_says_what_flux_says_while_a_commit_is_on_its_way(
    visitor: Visitor, instance: Instance
) -> None:
    """The commit is held where the source has it and no Kustomization: there, all can be asked."""
    console, way = visitor(), visitor()
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    cluster = kubernetes.api(instance)
    api = (flux.KUSTOMIZE_API, "Kustomization")
    names = [flux.name(one) for one in flux.kustomizations(cluster)]
    older = attendees(instance).fetch().short

    def hold(held: bool) -> None:
        for name in names:
            flux.suspend(cluster, *api, name, held)

    def same() -> None:
        """The page, beside what Flux says; it is told a moment after."""
        source = commits(instance, "sources git")[flux.SOURCE]
        differs(console.inner_text("[aria-labelledby=source-title]"), source)
        told = commits(instance, "kustomizations")
        for name in names:
            differs(console.inner_text(f"#kustomization-{name}"), told[name])

    hold(True)
    try:
        sha = greet(instance, "held on its way")
        way.goto(f"commits/{sha}")
        source = console.locator("[aria-labelledby=source-title]")
        expect(source).to_contain_text(sha[:7], timeout=WAIT)
        until(same, "the overview to say what Flux says")
        assert commits(instance, "sources git")[flux.SOURCE] == sha[:7]
        assert {commits(instance, "kustomizations")[name] for name in names} == {older}
        expect(console.locator(".journey li.good")).to_have_count(2)
        expect(console.locator("#verdict-words")).to_contain_text("Held back")
        expect(way.locator("#way")).to_contain_text("is suspended", timeout=WAIT)
    finally:
        hold(False)
    expect(way.locator("#way").get_by_role("heading")).to_contain_text("Live:", timeout=3 * WAIT)
    until(same, "the overview to say what Flux says")
    assert {commits(instance, "kustomizations")[name] for name in names} == {sha[:7]}
    expect(way.locator("#way .reached .name")).to_have_text(list(STAGES))
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)


def test_a_source_that_is_suspended_holds_back(console: Page, instance: Instance) -> None:
    cluster = kubernetes.api(instance)
    source = (flux.SOURCE_API, "GitRepository", flux.SOURCE)
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    flux.suspend(cluster, *source, True)
    try:
        expect(console.locator("#verdict-words")).to_contain_text("Held back", timeout=WAIT)
        expect(console.locator("[aria-labelledby=source-title]")).to_contain_text("suspended")
    finally:
        flux.suspend(cluster, *source, False)
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)


def test_an_agent_that_is_away_is_told(console: Page, instance: Instance) -> None:
    cluster = kubernetes.api(instance)
    agent = ("apps/v1", "Deployment", "kustomize-controller")

    def scale(number: int) -> None:
        cluster.patch(*agent, {"spec": {"replicas": number}}, flux.NAMESPACE)

    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    scale(0)
    try:
        expect(console.locator("#verdict-words")).to_contain_text("Flux is away", timeout=WAIT)
        expect(console.locator("#agent-kustomize-controller")).to_contain_text(
            "it has no pod", timeout=WAIT
        )
        expect(console.locator("#agent-source-controller")).to_have_count(0)
        looks_well(console, "overview-agent-away")
    finally:
        scale(1)
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=2 * WAIT)
    expect(console.locator("#agent-kustomize-controller")).to_have_count(0)


def test_what_differs_is_told_and_heals(console: Page, instance: Instance) -> None:
    """A change past Git, that Flux is kept from undoing for as long as the page is looked at."""
    cluster = kubernetes.api(instance)
    api = (flux.KUSTOMIZE_API, "Kustomization")

    def hold(held: bool) -> None:
        for name in (flux.ROOT, "apps"):
            cluster.patch(*api, name, {"spec": {"suspend": held}}, flux.NAMESPACE)

    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    hold(True)
    try:
        cluster.patch("apps/v1", "Deployment", "hello", {"spec": {"replicas": 3}}, "production")
        card = console.locator("#differs-production-hello")
        expect(card.get_by_role("row", name="replicas")).to_contain_text("3", timeout=WAIT)
        expect(card).to_contain_text("suspended: nobody puts it right")
        expect(console.locator("#verdict-words")).to_contain_text("Held back")
    finally:
        hold(False)
    flux.reconcile(cluster, *api, "apps")
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    expect(console.locator("#differs-production-hello")).to_have_count(0)


@contextmanager
def away(container: str, harm: str) -> Iterator[None]:
    """Have a container away for as long as the block lasts."""
    run("docker", harm, container, timeout=60)
    try:
        yield
    finally:
        run("docker", "unpause" if harm == "pause" else "start", container, timeout=60)


@pytest.mark.parametrize(
    ("part", "box", "others"),
    [
        ("git", "#box-git", ["#box-registry", "#box-ci", "#edge"]),
        ("registry-gate", "#box-registry", ["#box-git", "#box-ci", "#edge"]),
        ("ci", "#box-ci", ["#box-git", "#box-registry", "#edge"]),
    ],
)
@pytest.mark.long
def test_a_part_that_is_away_is_shown_in_its_place_and_heals(
    console: Page, instance: Instance, part: str, box: str, others: list[str]
) -> None:
    trouble = console.locator(f"{box} .trouble")
    expect(trouble).to_have_count(0, timeout=WAIT)
    with away(instance.container(part), "stop"):
        expect(trouble).to_be_visible(timeout=WAIT)
        for other in others:
            expect(console.locator(f"{other} > .trouble")).to_have_count(0)
        if part == "git":
            expect(console.locator(box)).to_contain_text("the last commit that is known")
    expect(trouble).to_have_count(0, timeout=WAIT)


@pytest.mark.long
def test_a_cluster_that_is_away_leaves_git_registry_and_ci(
    console: Page, instance: Instance
) -> None:
    trouble = console.locator("#edge > .trouble")
    expect(trouble).to_have_count(0, timeout=WAIT)
    node = f"{instance.name}-control-plane"
    assert docker.state(node) == "running"
    with away(node, "pause"):
        expect(trouble).to_be_visible(timeout=120_000)
        expect(console.locator("#verdict-words")).to_contain_text("Not known")
        for box in ("#box-git", "#box-registry", "#box-ci"):
            expect(console.locator(f"{box} .trouble")).to_have_count(0)
        expect(console.locator("#box-git")).to_contain_text(attendees(instance).fetch().short)
    expect(trouble).to_have_count(0, timeout=120_000)
    until(lambda: _ready(instance), "the node to be well again")


def _ready(instance: Instance) -> None:
    [node] = kubernetes.api(instance).list("v1", "Node")
    status, words = objects.condition(node, "Ready")
    if status != "True":
        raise NotYet(words)
