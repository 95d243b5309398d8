"""The stages of the demo, in order: each a title, a line of words, a command, and its deed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from labs.demo import automation
from labs.demo.scene import APP, ENVIRONMENT, FINE, POLICY, OffScript, Scene, refusal
from labs.gitops import manifests, spare_versions
from labs.gitops.history import history
from labs.gitops.spare_versions import BAD, BRANCH, GOOD, RANGE
from labs.platform import kubernetes, registry
from labs.wait import NotYet

HISTORY = 8
"""So many events are told at the end."""
REASON = '--reason "the demo"'


@dataclass(frozen=True)
class Stage:
    """One part of the story. `command` names the scene's facts in braces."""

    title: str
    says: str
    command: str
    do: Callable[[Scene], str]


def app_commit(scene: Scene) -> str:
    """Push a commit of the good version to the app repo."""
    sha = spare_versions.commit(scene.instance, scene.good, GOOD)
    scene.facts["good_commit"] = sha
    return f"{sha[:7]} is on the Git server; nothing in the cluster has changed"


def ci_run(scene: Scene) -> str:
    """Have CI build it; image automation comes into the config repo meanwhile, if it is not there.

    It rests until its own stage.
    """
    run = spare_versions.start(scene.instance, scene.facts["good_commit"])
    automation.install_resting(scene)
    ended = spare_versions.built(scene.instance, run.number)
    stages = ", ".join(
        f"{one.name.lower()} {one.seconds:.0f} s" for one in ended.stages if one.seconds
    )
    return f"run {ended.number} made it: {stages}"


def image(scene: Scene) -> str:
    """Look the new image up in the registry."""
    digest = registry.digest(scene.instance, APP, scene.good)
    return (
        f"{APP}:{scene.good} is {str(digest)[:19]}…, from commit {scene.facts['good_commit'][:7]}"
    )


def release(scene: Scene) -> str:
    """Release the good version."""
    scene.type("lab", "release", APP, scene.good, "--env", ENVIRONMENT, "--reason", "the demo")
    newest = scene.repo.fetch()
    return f"{newest.short} changed one line; {scene.live(newest)}; {scene.page()}"


def automate(scene: Scene) -> str:
    """Set the bot to work, on the demo's versions alone."""
    reason = ("--env", ENVIRONMENT, "--reason", "the demo")
    scene.type("lab", "policy", APP, RANGE, *reason, "--no-wait")

    def chosen() -> str:
        if scene.chosen() != scene.good:
            raise NotYet(f"the policy has chosen {scene.chosen()}")
        return scene.good

    scene.wait(chosen, f"the policy to choose {scene.good}")
    scene.type("lab", "automate", APP, *reason)
    scene.live(scene.repo.fetch())
    return f"the policy chooses {scene.good}; from now on a bot writes that line"


def bad_version(scene: Scene) -> str:
    """Push a version with a bug: CI builds it, and the bot deploys it."""
    before = scene.repo.fetch().sha
    sha = spare_versions.commit(scene.instance, scene.bad, BAD)
    run = spare_versions.start(scene.instance, sha)
    spare_versions.built(scene.instance, run.number)
    move = scene.the_bots(scene.bad, before)
    scene.facts["bot_commit"] = move.commit.short
    return f"tests green, and {move.commit.short} is by the bot; {scene.live(move.commit)}; " + (
        scene.page()
    )


def revert(scene: Scene) -> str:
    """Revert the bot's commit with plain Git, and see the bot do it again."""
    commit = scene.plain_revert(scene.facts["bot_commit"])
    scene.live(commit)
    # The bot may be faster than whoever looks: then nobody has seen the page well.
    moment = f"for a moment {FINE}; then " if scene.page() == FINE else ""
    scene.type("flux", "reconcile", "image", "update", POLICY)
    move = scene.the_bots(scene.bad, commit.sha)
    scene.live(move.commit)
    return f"{moment}the bot wrote {scene.bad} again, {move.commit.short}: {scene.page()}"


def rollback(scene: Scene) -> str:
    """Roll back with the lab's command, which pins the bot in the same commit."""
    scene.type("lab", "rollback", APP, "--env", ENVIRONMENT, "--reason", "the page is broken")
    newest = scene.repo.fetch()
    told = scene.live(newest)
    scene.facts["rollback"] = newest.sha
    scene.since["rollback"] = time.monotonic()
    scene.ask_the_bot()
    return (
        f"{scene.good} again, {told}; {scene.page()}; the policy still wants {scene.chosen()}, "
        "and the bot is pinned"
    )


def lock(scene: Scene) -> str:
    """Lock the app, and try to move it all the same, with plain Git."""
    scene.type("lab", "lock", APP, "--env", ENVIRONMENT, "--reason", "until the demo is over")
    scene.live(scene.repo.fetch())

    def move(text: str) -> str:
        return manifests.with_image(text, APP, f"registry:5000/{APP}:{scene.bad}")

    said = refusal(lambda: scene.plain_git(f"Move {APP} all the same", move))
    return f"a push that moves it is refused: {said}"


def by_hand(scene: Scene) -> str:
    """Change the Deployment past Git, and wait until Flux has taken it back."""
    image = f"registry:5000/{APP}:{scene.bad}"
    scene.type(
        *("kubectl", "set", "image", f"deployment/{APP}", f"{APP}={image}"),
        *("--namespace", ENVIRONMENT),
    )
    start = time.monotonic()

    def back() -> str:
        found = kubernetes.api(scene.instance).get("apps/v1", "Deployment", APP, ENVIRONMENT)
        [container] = (found or {})["spec"]["template"]["spec"]["containers"]
        if container["image"] == image:
            raise NotYet("Flux has not compared yet: it does every 30 s")
        return str(container["image"])

    scene.wait(back, "Flux to take the change back")
    took = time.monotonic() - start
    scene.settle()
    return f"Flux took it back after {took:.0f} s: the cluster is as Git says, whoever changes it"


def held(scene: Scene) -> str:
    """See that nobody has moved the app since the rollback, then unlock it."""
    scene.ask_the_bot()
    since = time.monotonic() - scene.since["rollback"]
    if late := scene.moves_since(scene.facts["rollback"]):
        raise OffScript(f"{late[0]} came after the rollback", "nobody moves the app")
    if scene.answers() != scene.good:
        raise OffScript(f"{scene.answers()} answers", scene.good)
    scene.type("lab", "unlock", APP, "--env", ENVIRONMENT, "--reason", "the demo is over")
    for event in history(scene.repo, app=APP, environment=ENVIRONMENT, most=HISTORY):
        scene.say(f"{event.commit.short}  {event.kind:<12} {event.what}, by {event.by}")
    return f"the rollback has held for {since:.0f} s, and {scene.chosen()} was there to be chosen"


STAGES = (
    Stage(
        "A commit of the app",
        "A developer pushes a new version of the app, to a branch of its own.",
        f"git push origin {BRANCH}        # in the app repo",
        app_commit,
    ),
    Stage(
        "CI makes an image of it",
        "Lint, tests, build, push: in a container that has no key to the cluster.",
        "lab ci run {good_commit} && lab ci logs --follow",
        ci_run,
    ),
    Stage(
        "The image",
        "It is called by its version for good: a tag is never overwritten.",
        "lab images hello",
        image,
    ),
    Stage(
        "Release",
        "One line of one file in the config repo changes. Flux does the rest.",
        f"lab release {APP} {{good}} {REASON}",
        release,
    ),
    Stage(
        "Automation",
        "Let a bot write that line: the newest version that a rule allows.",
        f'lab policy {APP} "{RANGE}" --no-wait\nlab automate {APP}',
        automate,
    ),
    Stage(
        "A bad version",
        "The next version has a bug that its tests do not know. Nobody releases it.",
        f"git push origin {BRANCH}        # in the app repo, and CI runs again",
        bad_version,
    ),
    Stage(
        "The revert that fails",
        "Everybody's first thought: undo that commit. The bot has another one.",
        f"git revert --no-edit {{bot_commit}} && git push\nflux reconcile image update {POLICY}",
        revert,
    ),
    Stage(
        "The rollback that holds",
        "The old version and a pinned bot, in one commit.",
        f'lab rollback {APP} --reason "the page is broken"',
        rollback,
    ),
    Stage(
        "The lock",
        "Who and why, in Git; and the Git server refuses whoever moves it all the same.",
        f'lab lock {APP} --reason "until the demo is over"\n'
        "sed -i 's/:{good} /:{bad} /' apps/production/hello.yaml\n"
        "git commit -am 'Move it all the same' && git push",
        lock,
    ),
    Stage(
        "A change by hand",
        "Past Git, with the key to the cluster, straight at the Deployment.",
        f"kubectl set image deployment/{APP} {APP}=registry:5000/{APP}:{{bad}} -n {ENVIRONMENT}",
        by_hand,
    ),
    Stage(
        "It has held",
        "Rolled back, locked, attacked from three sides. And what does history say?",
        f"lab unlock {APP}\nlab history {APP} -n {HISTORY}",
        held,
    ),
)
