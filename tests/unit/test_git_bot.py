"""What the Git server lets the bot do, by real pushes with its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.githook import Desk, new_desk
from tests.unit.lock_ways import (
    BASE,
    HARMLESS,
    HELLO,
    KUSTOMIZATION,
    MARKER,
    Files,
    Way,
    add,
    both,
    drop,
    lock,
    release,
    rename,
    state,
    swap,
)

AUTOMATION = "automation/production/hello.yaml"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = new_desk(tmp_path, "config")
    start(made, state())
    return made


def start(desk: Desk, files: Files) -> None:
    """Make this the state that the bot builds on."""
    desk.write(files, "Begin")
    desk.git("push", "-q", "origin", "main")


def bot(desk: Desk, way: Way, files: Files | None = None) -> str:
    """Make a commit of the bot; return its id."""
    files = dict(files or state())
    way(files)
    return desk.write(files, "Release", as_user="flux")


def refused(desk: Desk, *words: str) -> str:
    told = desk.refused("origin", *(words or ("main",)), user="flux")
    desk.git("reset", "-q", "--hard", "origin/main")
    return told


def test_it_brings_a_marked_image_to_another_version(desk: Desk) -> None:
    bot(desk, release("1.0.0"))
    desk.git("push", "-q", "origin", "main", user="flux")


def test_another_formatting_of_the_file_is_no_other_content(desk: Desk) -> None:
    """Flux's own controller writes the whole file anew."""
    indented = swap(
        HELLO, "        - name: hello\n          image:", "      - name: hello\n        image:"
    )
    env = swap(HELLO, "          env:\n", "        env:\n")
    bot(desk, both(release("1.0.0"), indented, env, swap(HELLO, "  replicas", "\n  replicas")))
    desk.git("push", "-q", "origin", "main", user="flux")


MORE: dict[str, tuple[Way, str]] = {
    "a greeting": (both(release("1.0.0"), HARMLESS["the greeting"]), "more of apps/production/"),
    "a marker": (swap(HELLO, ":hello-production", ":other-production"), "more of apps/production/"),
    "no marker": (both(release("1.0.0"), swap(HELLO, MARKER, "")), "more of apps/production/"),
    "another image": (swap(HELLO, "5000/hello:", "5000/evil:"), "another image"),
    "another registry": (swap(HELLO, "registry:5000/", "elsewhere/"), "another image"),
    "no image": (
        swap(HELLO, "          image: registry:5000/hello:0.9.0" + MARKER + "\n", ""),
        "more of apps/production/",
    ),
    "the base": (swap(BASE, "image: hello", "image: hello:2"), f"changes {BASE}"),
    "the kustomization": (add(KUSTOMIZATION, "images: []\n"), f"more of {KUSTOMIZATION}"),
    "the automation": (add(AUTOMATION, "# x\n"), f"changes {AUTOMATION}"),
    "the README": (add("README.md", "x\n"), "changes README.md"),
    "a new file": (add("apps/production/new.yaml", "a: b\n"), "changes apps/production/new.yaml"),
    "a file less": (drop("apps/production/other.yaml"), "changes apps/production/other.yaml"),
    "a file renamed": (rename(HELLO, "apps/production/hi.yaml"), "changes apps/production/"),
    "a broken file": (add(HELLO, "  - : [\n"), "cannot be read"),
    "an image that is not marked": (
        swap("apps/production/other.yaml", "other:0.9.0", "other:1.0.0"),
        "which has no marker",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def one_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk for what is refused, which leaves the server as it was."""
    made = new_desk(tmp_path_factory.mktemp("desk"), "config")
    start(made, state())
    return made


@pytest.mark.parametrize("name", list(MORE))
def test_it_does_nothing_else(one_desk: Desk, name: str) -> None:
    way, words = MORE[name]
    bot(one_desk, way)
    told = refused(one_desk)
    assert words in told
    assert "of the bot 'flux'" in told
    assert "as yourself" in told


def test_it_pushes_to_main_of_the_config_repo_alone(desk: Desk, tmp_path: Path) -> None:
    commit = bot(desk, release("1.0.0"))
    assert "nowhere else" in refused(desk, f"{commit}:refs/heads/other")
    assert "nowhere else" in refused(desk, f"{commit}:refs/tags/v1")
    (tmp_path / "another").mkdir()
    app = new_desk(tmp_path / "another", "app")
    app.commit("by the bot", as_user="flux")
    assert "main of config" in app.refused("origin", "main", user="flux")


def test_it_makes_no_merges(desk: Desk) -> None:
    desk.git("switch", "-q", "-c", "side")
    side = bot(desk, release("1.0.0"))
    desk.git("switch", "-q", "main")
    desk.git("-c", "user.name=Flux", "-c", "user.email=flux@hackfest.local",
             "merge", "-q", "--no-ff", "-m", "Merge", side)  # fmt: skip
    assert "is a merge" in refused(desk)


@pytest.mark.parametrize("late", [False, True])
def test_it_rests_where_git_says_so_whatever_it_knows(desk: Desk, late: bool) -> None:
    """The state that it builds on counts: with `late`, each commit of its push is judged."""
    files = state()
    swap(AUTOMATION, "suspend: false", "suspend: true")(files)
    start(desk, files)
    if late:
        bot(desk, swap("apps/production/other.yaml", "other:0.9.0", "other:0.9.0"), files)
    bot(desk, release("1.0.0"), files)
    told = refused(desk)
    assert "a release of hello in production by the bot, whose automation is suspended" in told
    assert "`lab automate hello --env production`" in told


@pytest.mark.parametrize(
    "way",
    [
        drop(AUTOMATION),
        swap(AUTOMATION, "kind: ImageUpdateAutomation", "kind: Other"),
        add(AUTOMATION, "x: [\n"),
    ],
)
def test_without_an_automation_in_git_there_is_none(desk: Desk, way: Way) -> None:
    files = state()
    way(files)
    start(desk, files)
    bot(desk, release("1.0.0"), files)
    assert "no automation of it in automation/production/hello.yaml" in refused(desk)


def test_a_lock_holds_for_the_bot_and_another_app_goes_on(desk: Desk) -> None:
    files = state()
    lock(files)
    marker = MARKER.replace("hello", "other")
    swap("apps/production/other.yaml", "other:0.9.0", f"other:0.9.0{marker}")(files)
    files["automation/production/other.yaml"] = files[AUTOMATION].replace("hello", "other")
    start(desk, files)
    bot(desk, release("1.0.0"), files)
    assert "hello in production is locked by attendee" in refused(desk)
    bot(desk, swap("apps/production/other.yaml", "other:0.9.0", "other:1.0.0"), files)
    desk.git("push", "-q", "origin", "main", user="flux")


def test_it_does_not_override(desk: Desk) -> None:
    bot(desk, release("1.0.0"))
    told = desk.refused("-o", "override=why not", "origin", "main", user="flux")
    assert "nobody but 'instructor'" in told
