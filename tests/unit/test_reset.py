"""What a reset is made of, without a cluster: starts, commits, images, clones, the horizon."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest

from labs import catalogue
from labs.gitops import horizon, image_automation
from labs.gitops.app_versions import committed, trees
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform.credentials import mail
from labs.platform.notebook_copies import Copies
from labs.progress import Progress
from labs.reset import ahead, app_history, app_images, bench, config_tree, notes
from labs.reset.app_history import Built
from labs.reset.clones import _Git
from labs.reset.kubectl import Kubectl
from labs.reset.notes import Notes
from labs.reset.starts import STARTS, start_of
from scripts.supply import api as supply
from tests.unit.gitrepos import git, new_clone, new_server

NUMBERS = ("0.9.0", "1.0.0", "1.1.0")


def test_every_lab_has_a_start_in_the_order_of_the_catalogue() -> None:
    assert [start.lab for start in STARTS] == [lab.name for lab in catalogue.LABS]
    for before, after in pairwise(STARTS):
        assert after.versions[: len(before.versions)] == before.versions
        assert after.agents >= before.agents, "what a lab has brought, the next one finds"
    for start in STARTS:
        assert set(start.versions) <= set(trees.ORDER)
        assert {start.runs, start.deployed} <= set(start.versions)


def test_labs_begin_without_what_they_make() -> None:
    pipeline, automate = (start_of(catalogue.lab_named(name)) for name in ("pipeline", "automate"))
    assert pipeline.versions == ("0.9.0",)
    assert "1.2.0" not in automate.versions
    assert not automate.automation


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return new_clone(new_server(tmp_path, {"a": "1\n"}), tmp_path / "instructor")


@pytest.fixture
def built(repo: Path, tmp_path: Path) -> list[Built]:
    (tmp_path / "versions").mkdir()
    return app_history.commits(repo, NUMBERS, tmp_path / "versions")


def test_the_apps_commits_are_the_same_in_every_lab(built: list[Built], tmp_path: Path) -> None:
    other = new_clone(new_server(tmp_path / "other", {"b": "2\n"}), tmp_path / "elsewhere")
    (tmp_path / "again").mkdir()
    again = app_history.commits(other, NUMBERS, tmp_path / "again")
    assert [one.commit for one in again] == [one.commit for one in built]
    log = git("log", "--format=%an %s", built[-1].commit, cwd=other).splitlines()
    assert log == [
        "Instructor Version 1.1.0: greet from Klagenfurt",
        "Instructor Version 1.0.0: the first from CI",
        "Instructor Version 0.9.0: the first",
    ]
    text = git("show", f"{built[-1].commit}:hello/version.py", cwd=other)
    assert 'VERSION = "1.1.0"' in text
    assert git("status", "--porcelain", cwd=other) == "", "no branch and no file has moved"


def test_what_is_noted_is_not_reckoned_again(
    built: list[Built], repo: Path, tmp_path: Path, seat: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = app_history.commits(repo, NUMBERS, tmp_path / "one", Notes(seat))
    assert [one.commit for one in first] == [one.commit for one in built]

    def build(number: str, folder: Path) -> None:
        raise AssertionError(f"{number} is built again")

    with monkeypatch.context() as patched:
        patched.setattr(trees, "build", build)
        again = app_history.commits(repo, NUMBERS, tmp_path / "two", Notes(seat))
        assert [one.commit for one in again] == [one.commit for one in built]
        with pytest.raises(AssertionError, match="built again"):
            again[0].files()
    monkeypatch.setattr(notes, "recipe", lambda: "another")
    assert Notes(seat).get("1.0.0") == "", "another recipe: nothing is known"
    (seat.root / "versions.json").write_text("{")
    assert Notes(seat).get("1.0.0") == ""


MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"digest": "sha256:c", "size": 1},
    "layers": [{"digest": "sha256:base", "size": 1}],
}
CONFIG = {
    "config": {
        "Labels": {"other": "x", "org.opencontainers.image.title": "hello"},
        "Env": ["PATH=/bin", "HELLO_COMMIT=old", "HELLO_BUILT=old"],
    },
    "container_config": {"Labels": {}},
    "rootfs": {"diff_ids": ["sha256:base"]},
    "history": [],
}


def test_an_image_is_labelled_as_ci_labels_it(built: list[Built]) -> None:
    made = app_images.image(built[1], MANIFEST, CONFIG)
    config = json.loads(made.blobs[1].content)
    label = "org.opencontainers.image"
    assert config["config"]["Labels"] == {
        f"{label}.title": "hello",
        f"{label}.version": "1.0.0",
        f"{label}.revision": built[1].commit,
        f"{label}.created": built[1].created,
        f"{label}.source": "http://git/app.git",
    }
    assert f"HELLO_COMMIT={built[1].commit}" in config["config"]["Env"]
    assert len(config["config"]["Env"]) == 3
    assert app_images.tags_of(built[1]) == ("1.0.0", f"sha-{built[1].commit[:12]}")
    assert len(config["rootfs"]["diff_ids"]) == len(json.loads(made.manifest.content)["layers"])


def test_an_image_has_its_versions_code_and_none_below_it(built: list[Built]) -> None:
    made = app_images.image(built[2], MANIFEST, CONFIG)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(made.blobs[0].content))) as tar:
        names = tar.getnames()
        version = tar.extractfile("app/hello/version.py")
        assert version is not None
        assert b'VERSION = "1.1.0"' in version.read()
    assert "app/hello/.wh..wh..opq" in names
    assert not any("__pycache__" in name for name in names)


def test_an_image_is_the_same_bytes_every_time(built: list[Built]) -> None:
    one, other = (app_images.image(built[1], MANIFEST, CONFIG) for _ in range(2))
    assert one.manifest.digest == other.manifest.digest
    assert one.manifest.digest != app_images.image(built[2], MANIFEST, CONFIG).manifest.digest
    assert MANIFEST["layers"] == [{"digest": "sha256:base", "size": 1}], "it is not changed"


def _reset(repo: Path, *more: str) -> str:
    """Commit the tree that is there as a reset, with a second parent if one is given."""
    tree = git("rev-parse", "HEAD^{tree}", cwd=repo)
    parents = [word for one in ("HEAD", *more) for word in ("-p", one)]
    words = "Reset\n\nLab-Event: reset\nLab-Start: deploy\n"
    made = git("commit-tree", tree, *parents, "-m", words, cwd=repo)
    git("reset", "--quiet", "--hard", made, cwd=repo)
    git("push", "--quiet", "origin", "HEAD:main", cwd=repo)
    return made


def _commit(repo: Path, text: str, words: str) -> str:
    (repo / "a").write_text(text)
    git("commit", "--quiet", "--all", "-m", words, cwd=repo)
    git("push", "--quiet", "origin", "HEAD:main", cwd=repo)
    return git("rev-parse", "HEAD", cwd=repo)


def test_evidence_begins_at_the_newest_reset_and_history_does_not(repo: Path) -> None:
    _commit(repo, "2\n", "Yesterday")
    made = _reset(repo)
    mine = _commit(repo, "3\n", "Today")
    clone = ConfigRepo(repo)
    clone.fetch()
    assert [one.sha for one in clone.log(UPSTREAM, "a")] == [mine, made]
    assert clone.log(UPSTREAM, "a")[-1].parents == (), (
        "the reset brings the file, as a first commit"
    )
    assert [one.subject for one in clone.log(UPSTREAM)] == ["Today", "Reset", "Yesterday", "Begin"]
    assert clone.contains(UPSTREAM, git("rev-parse", "HEAD~2", cwd=repo))
    assert len(git("log", "--format=%h", cwd=repo).split()) == 4, "plain git shows all of it"


def test_a_lab_command_looks_past_the_horizon_of_its_caller(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _commit(repo, "2\n", "Yesterday")
    _reset(repo)
    clone = ConfigRepo(repo)
    clone.fetch()
    clone.log(UPSTREAM, "a")
    monkeypatch.setenv(horizon.BASE, horizon.REFS)
    assert len(git("log", "--format=%h", cwd=repo).split()) == 1, "a solution sees the reset alone"
    assert len(ConfigRepo(repo).log(UPSTREAM)) == 3


def test_a_reset_by_somebody_else_is_none(repo: Path, tmp_path: Path) -> None:
    bare = tmp_path / "config.git"
    theirs = new_clone(bare, tmp_path / "attendee")
    _commit(theirs, "2\n", "Before")
    _reset(theirs)
    clone = ConfigRepo(theirs)
    clone.fetch()
    assert len(clone.log(UPSTREAM, "a")) == 2


def test_the_apps_versions_stay_known_after_a_reset(built: list[Built], repo: Path) -> None:
    git("checkout", "--quiet", built[1].commit, cwd=repo)
    git("checkout", "--quiet", "-B", "main", "origin/main", cwd=repo)
    tree = git("rev-parse", f"{built[1].commit}^{{tree}}", cwd=repo)
    words = "Reset\n\nLab-Event: reset\nLab-Start: deploy\n"
    made = git(*("commit-tree", tree, "-p", "HEAD", "-p", built[1].commit, "-m", words), cwd=repo)
    git("reset", "--quiet", "--hard", made, cwd=repo)
    git("push", "--quiet", "origin", "HEAD:main", cwd=repo)
    clone = ConfigRepo(repo)
    clone.fetch()
    known = committed(clone)
    assert {number: [one.sha for one in found] for number, found in known.items()} == {
        "0.9.0": [built[0].commit],
        "1.0.0": [built[1].commit],
    }


@pytest.fixture
def seat(tmp_path: Path) -> Instance:
    return Instance("tiny", tmp_path / "tiny")


def test_what_is_not_committed_is_kept_as_it_is(seat: Instance, repo: Path) -> None:
    (repo / "a").write_text("mine\n")
    (repo / "new").write_text("too\n")
    clone = _Git(seat, repo)
    commit = clone.unsaved()
    assert commit is not None
    kept = clone.keep("config-repo", "kept/1", commit, "files")
    assert git("show", f"{kept.where}:a", cwd=repo) == "mine"
    assert git("show", f"{kept.where}:new", cwd=repo) == "too"
    assert git("diff", "--cached", "--name-only", cwd=repo) == "", "the index is not touched"
    git("checkout", "--quiet", "--force", "main", cwd=repo)
    git("clean", "--quiet", "-d", "--force", cwd=repo)
    assert clone.unsaved() is None


def test_commits_that_are_nowhere_else_are_seen(seat: Instance, repo: Path) -> None:
    clone = _Git(seat, repo)
    assert not clone.only_here(clone.sha("HEAD"))
    git("commit", "--quiet", "--allow-empty", "-m", "Mine", cwd=repo)
    assert clone.only_here(clone.sha("HEAD"))
    clone.keep("config-repo", "kept/1", clone.sha("HEAD"), "commits")
    assert not clone.only_here(clone.sha("HEAD")), "a branch has it by now"
    assert clone.sha("refs/heads/nowhere") == ""


def test_labs_before_are_jumped_and_not_done(seat: Instance) -> None:
    seat.root.mkdir()
    state = Progress(seat)
    state.started("one")
    state.tried("first", passed=True)
    state.tried("later", passed=True)
    state.put_back({"one": ["first"], "two": ["second"]}, at="three", stamp="now")
    assert state.done("first")
    assert not state.done("later")
    found = state.read()["labs"]
    assert "jumped" not in found["one"]
    assert found["two"] == {"jumped": "now"}
    assert found["three"] == {"reset": "now"}
    assert not state.started("three"), "it begins anew"


def test_a_damaged_progress_is_begun_anew(seat: Instance) -> None:
    seat.root.mkdir()
    Progress(seat).path.write_text("{")
    Progress(seat).put_back({}, at="one", stamp="now")
    assert Progress(seat).read()["labs"] == {"one": {"reset": "now"}}


def test_a_notebook_that_was_changed_is_known(tmp_path: Path) -> None:
    copies = Copies(tmp_path, tmp_path / "record.json", print)
    copies.hand_out("a.txt", b"as shipped")
    assert not copies.changed("a.txt")
    (tmp_path / "a.txt").write_text("mine")
    assert copies.changed("a.txt")
    assert not copies.changed("nowhere.txt")


@pytest.fixture
def no_controllers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The controllers' own manifests are parts of the lab, which a machine may not have yet."""
    for controllers in ("_understudy", "_flux"):
        monkeypatch.setattr(image_automation, controllers, lambda: {"types.yaml": "kind: List\n"})


@pytest.mark.usefixtures("no_controllers")
def test_each_start_renders_what_it_says(repo: Path) -> None:
    clone = ConfigRepo(repo)
    for start in STARTS:
        draft = clone.tree("HEAD")
        config_tree.write(draft, start, "hackfest")
        hello = draft.read("apps/production/hello.yaml")
        assert f"registry:5000/hello:{start.runs}" in hello
        assert start.greeting in hello
        assert ("a" in draft.files()) is False, "what was there before is gone"
        assert ("clusters/hackfest/flux-system/sync.yaml" in draft.files()) is start.agents
        assert ("automation/production/hello.yaml" in draft.files()) is bool(start.automation)
        assert ("clusters/hackfest/monitoring.yaml" in draft.files()) is start.monitoring
        assert ("checks.yaml" in draft.files()) is start.monitoring


def test_the_table_of_resets_has_medians() -> None:
    lab = catalogue.LABS[5]
    row = bench.table([lab], {lab.name: [9.0, 7.0, 30.0]}).splitlines()[1]
    assert row.split()[-3:] == ["9.0", "7.0", "30.0"]


def test_a_reset_is_by_the_instructor() -> None:
    assert mail(app_history.AUTHOR) == "instructor@hackfest.local"


@pytest.mark.usefixtures("no_controllers")
@pytest.mark.parametrize(
    ("lab", "names"),
    [("deploy", {"apps"}), ("incident", {"apps", "image-controllers", "monitoring"})],
)
def test_what_flux_will_apply_is_built_from_the_starts_own_files(
    lab: str, names: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: set[str] = set()
    applied: list[tuple[str, str]] = []

    def run(*argv: str | Path) -> str:
        words = [str(word) for word in argv]
        options = dict(
            word.split("=", 1) for word in words if word.startswith("--") and "=" in word
        )
        assert "/clusters/another/" in options["--kustomization-file"]
        assert (Path(options["--path"]) / "kustomization.yaml").is_file()
        built.add(words[3])
        return words[3]

    def apply(_: Kubectl, text: str, manager: str) -> None:
        applied.append((text, manager))

    monkeypatch.setattr(ahead, "run", run)
    monkeypatch.setattr(supply, "tool", Path)
    monkeypatch.setattr(Kubectl, "apply", apply)
    seat = Instance("seat", tmp_path)
    ahead.apply(seat, start_of(catalogue.lab_named(lab)), "another")
    assert built == names
    assert sorted(applied) == sorted((name, "kustomize-controller") for name in names)
