"""Image automation as a reader gets it: files, Secrets, pushes told; and who may not do what."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.gitops import image_automation
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.image_automation import connection
from labs.instance import PROJECT, Instance, write_json
from labs.platform import docker, flux, git_server, kubernetes
from labs.platform import up as platform
from labs.platform.credentials import credentials
from labs.platform.kind import node
from labs.platform.steps import Steps
from labs.run import CommandFailed, run
from labs.wait import NotYet
from tests.cluster.automation import (
    AUTOMATION,
    RULES,
    bring_back,
    chosen,
    committed,
    condition,
    get,
    live,
    newer_versions,
    push_image,
    take_out,
    until,
    write,
)
from tests.cluster.connected import connect

NOTIFICATION = "notification.toolkit.fluxcd.io/v1"
PUSHES = 3


def lab_command(*words: str) -> str:
    return run(sys.executable, "-m", "labs.cli", *words, cwd=PROJECT, timeout=120)


@pytest.fixture(scope="module")
def lab(instance: Instance) -> Iterator[Instance]:
    """The lab, with image automation brought in by the commands and by plain git."""
    connect(instance)
    push_image(instance, newer_versions(instance)[0])  # so that there is something to choose
    repo = attendees(instance)
    before = repo.fetch().sha
    untie(instance)
    take_out(instance)
    run("git", "pull", "--quiet", "--rebase", cwd=repo.path)
    try:
        bring_in(repo)
        yield instance
    finally:
        untie(instance)  # who needs a bot that can write ties it again
        bring_back(instance, before)


def bring_in(repo: ConfigRepo) -> None:
    """Do what a reader does in lab 06, and wait until all of it is well."""
    said = lab_command("automation", "files")
    assert f"{image_automation.CONTROLLERS}/kustomization.yaml\n" in said
    assert "git push" in said
    assert "has them all" in lab_command("automation", "files")
    run("git", "add", "--all", cwd=repo.path)
    run("git", "commit", "--quiet", "-m", "Keep images up to date", cwd=repo.path)
    run("git", "push", "--quiet", cwd=repo.path)
    with pytest.raises(CommandFailed) as before_it:
        lab_command("automation", "status")
    assert "lab automation connect" in before_it.value.stdout
    lab_command("automation", "connect")

    def well() -> str:
        try:
            return lab_command("automation", "status")
        except CommandFailed as unwell:
            lines = unwell.stdout.splitlines()
            raise NotYet("; ".join(line for line in lines if " -- " in line)) from unwell

    shown = until(well, "every part of image automation to be well")
    assert "policy hello-production" in shown


def untie(instance: Instance) -> None:
    """Take away what `lab automation connect` made."""
    for name in (image_automation.WRITER_SECRET, image_automation.TOKEN_SECRET):
        kubernetes.api(instance).delete("v1", "Secret", name, flux.NAMESPACE)
    git_server.notify(instance, connection.LISTENER, [], "http://nobody", "x")
    (instance.root / "automation.json").unlink(missing_ok=True)


def greet(lab: Instance, word: str) -> str:
    """Push another greeting with plain git, and nothing but that; return the commit."""
    folder = attendees(lab).path
    run("git", "pull", "--quiet", "--rebase", cwd=folder)
    path = folder / image_automation.MARKED
    text = path.read_text().splitlines(keepends=True)
    at = next(n for n, line in enumerate(text) if "name: GREETING" in line) + 1
    text[at] = f"{text[at].partition('value:')[0]}value: {word}\n"
    path.write_text("".join(text))
    run("git", "commit", "--quiet", "--all", "-m", f"Greet: {word}", cwd=folder)
    run("git", "push", "--quiet", cwd=folder)
    return run("git", "rev-parse", "HEAD", cwd=folder).strip()


def seconds_to_fetched(lab: Instance, word: str) -> float:
    sha = greet(lab, word)
    start = time.monotonic()

    def fetched() -> None:
        found = flux.fetched(flux.source(kubernetes.api(lab)))
        if found != sha:
            raise NotYet(f"fetched {found[:7]}")

    until(fetched, f"Flux to fetch {sha[:7]}")
    return time.monotonic() - start


@pytest.mark.long
def test_a_push_is_told_and_fetched_much_sooner_than_by_polling(
    lab: Instance, output: Path
) -> None:
    taken: dict[str, list[float]] = {"told": [], "polled": []}
    for number in range(PUSHES):
        taken["told"].append(seconds_to_fetched(lab, f"told {number}"))
    told = git_server.last_told(lab, connection.LISTENER)
    assert (told["repo"], told["trouble"]) == ("config", "")
    git_server.notify(lab, connection.LISTENER, [], "http://nobody", "x")  # nobody is told
    for number in range(PUSHES):
        taken["polled"].append(seconds_to_fetched(lab, f"polled {number}"))
    assert not connection.is_registered(lab)
    connection.reconnect(lab)
    assert connection.is_registered(lab)
    medians = {name: round(statistics.median(each), 2) for name, each in taken.items()}
    figures = {**medians, "ratio": round(medians["told"] / medians["polled"], 3), "all": taken}
    write_json(output / "push-to-fetched.json", figures)
    print(figures)
    assert min(taken["told"]) < medians["polled"] / 2


def push_nothing(lab: Instance) -> list[str]:
    """Push an empty commit with plain git; return what the Git server said."""
    folder = attendees(lab).path
    run("git", "pull", "--quiet", "--rebase", cwd=folder)
    run("git", "commit", "--quiet", "--allow-empty", "-m", "Say nothing", cwd=folder)
    done = subprocess.run(["git", "push"], cwd=folder, capture_output=True, text=True, check=True)
    return [line for line in done.stderr.splitlines() if line.startswith("remote:")]


def test_a_receiver_that_is_down_holds_no_push_up_and_one_line_says_so(lab: Instance) -> None:
    address = f"http://{lab.container('control-plane')}:1/hook/x"
    git_server.notify(lab, connection.LISTENER, ["config"], address, "x", connection.OTHERWISE)

    def untold() -> None:
        """Push until the status blames it: one right after the receiver's start is forgiven."""
        said = push_nothing(lab)
        assert len(said) == 1
        assert "Your push is in; flux could not be told" in said[0]
        assert connection.OTHERWISE in said[0]
        with pytest.raises(CommandFailed) as unwell:
            lab_command("automation", "status")
        if "could not be told" not in unwell.value.stdout:
            raise NotYet(unwell.value.stdout.splitlines()[-1])

    until(untold, "a push that could not be told to be in the status")
    connection.reconnect(lab)


def test_up_ties_a_lab_that_was_connected_again(lab: Instance, tmp_path: Path) -> None:
    cluster = kubernetes.api(lab)
    token = image_automation.webhook_token(lab)
    cluster.delete("v1", "Secret", image_automation.WRITER_SECRET, flux.NAMESPACE)
    git_server.notify(lab, connection.LISTENER, [], "http://nobody", "x")
    platform.up(lab, Steps(tmp_path / "durations.json"))
    assert cluster.get("v1", "Secret", image_automation.WRITER_SECRET, flux.NAMESPACE)
    assert connection.is_registered(lab)
    assert image_automation.webhook_token(lab) == token


def test_a_new_image_goes_live_by_the_bots_commit(lab: Instance, output: Path) -> None:
    repo, version = attendees(lab), newer_versions(lab)[0]
    push_image(lab, version)
    start = time.monotonic()
    until(lambda: chosen(lab, version), f"the policy to choose {version}")
    commit = until(lambda: committed(repo, version), f"a commit of {version}")
    times = {"committed": round(time.monotonic() - start, 1)}
    until(lambda: live(lab, version), f"{version} in the cluster")
    times["live"] = round(time.monotonic() - start, 1)
    write_json(output / "image-to-live.json", times)
    told = {"Lab-Event": "autorelease", "Lab-App": "hello", "Lab-By": "flux"}
    assert told.items() <= commit.trailers.items()
    assert commit.author.mail == "flux@hackfest.local"


def test_a_bot_that_has_not_heard_of_its_suspension_is_refused(lab: Instance) -> None:
    """Flux is kept from applying it, so that the bot goes on by what it knew."""
    cluster, repo = kubernetes.api(lab), attendees(lab)
    before = repo.read(image_automation.MARKED, repo.fetch().sha)
    where = (flux.KUSTOMIZE_API, "Kustomization", "automation")
    cluster.patch(*where, {"spec": {"suspend": True}}, flux.NAMESPACE)
    write(lab, "Pin", lambda draft: draft.replace(RULES, "suspend: false", "suspend: true"))
    push_image(lab, newer_versions(lab)[0])
    words = "whose automation is suspended in Git"
    until(lambda: condition(lab, "ImageUpdateAutomation", AUTOMATION, "False", words), "a refusal")
    assert repo.read(image_automation.MARKED, repo.fetch().sha) == before
    cluster.patch(*where, {"spec": {"suspend": None}}, flux.NAMESPACE)

    def rests() -> None:
        if not get(lab, "ImageUpdateAutomation", AUTOMATION)["spec"].get("suspend"):
            raise NotYet("not suspended yet")

    write(lab, "Note", lambda draft: draft.write("NOTE.md", "pinned\n"))
    until(rests, "the suspension in the cluster")
    assert repo.read(image_automation.MARKED, repo.fetch().sha) == before


# What the Git server could do to the cluster

SEARCH = """
import json, sys
found = {"__name__": "attack"}
exec(sys.stdin.read(), found)
print(json.dumps([found["cluster_keys"](), found["engine_sockets"]()]))
"""
ASK = """
import ssl, sys, urllib.error, urllib.request
trust = ssl._create_unverified_context()
for path in sys.argv[2:]:
    try: print(urllib.request.urlopen(sys.argv[1] + path, timeout=10, context=trust).status)
    except urllib.error.HTTPError as refused: print(refused.code)
"""


def test_the_git_server_holds_no_key_to_the_cluster(lab: Instance) -> None:
    name = lab.container("git")
    attack = (Path(__file__).parent / "attack.py").read_text()

    def search() -> list[list[str]]:
        return list(json.loads(docker.exec_in(name, "python3", "-c", SEARCH, stdin=attack)))

    planted = "/srv/git/planted"
    docker.exec_in(name, "tee", planted, stdin="certificate-authority-data: x\n")
    assert search() == [[planted], []], "it finds a key where there is one"
    docker.exec_in(name, "rm", planted)
    assert search() == [[], []]
    # It stands on the cluster's network, and the API server knows nobody without a key.
    paths = ["/api/v1/namespaces/flux-system/secrets", "/apis/apps/v1/deployments", "/api/v1/nodes"]
    address = f"https://{node(lab)}:6443"
    assert set(docker.exec_in(name, "python3", "-c", ASK, address, *paths).split()) <= {
        "401",
        "403",
    }
    # The one secret that it has for the cluster signs requests; it opens nothing of the API server.
    token = image_automation.webhook_token(lab)
    kept = docker.exec_in(name, "sh", "-c", "cat /srv/git/.notify/*.json; env; cat /srv/git/.users")
    assert token in kept
    assert not any(password in kept for password in credentials(lab).values())
    config = ["--kubeconfig=/dev/null", f"--server=https://127.0.0.1:{lab.port('api')}"]
    with pytest.raises(CommandFailed, match=r"Unauthorized|must be logged in"):
        run("kubectl", *config, "--insecure-skip-tls-verify", f"--token={token}", "get", "pods")
