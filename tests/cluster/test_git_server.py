"""The Git server, the real one: what a person, Flux and bad luck do to it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import docker, engine, git_server, registry
from labs.platform.credentials import basic, credentials
from labs.platform.loopback import Answer, fetch
from labs.run import CommandFailed, run
from labs.wait import NotYet, wait_for
from tests.cluster.cut_off import cut_off

MEGABYTE = 1024 * 1024
NO_ENTRY = "could not read Username|Authentication failed"


class Clone:
    """A clone with the identity and the credentials of one user."""

    def __init__(self, lab: Instance, repo: str, folder: Path, user: str = "attendee") -> None:
        self.folder, self.url = folder, git_server.url(lab, repo)
        self.env = git_server.push_environment(lab, user)
        run("git", "clone", "--quiet", self.url, folder, env=self.env)

    def git(self, *words: str) -> str:
        return run("git", *words, cwd=self.folder, env=self.env)

    def commit(self, name: str, content: bytes = b"x\n") -> str:
        (self.folder / name).write_bytes(content)
        self.git("add", name)
        self.git("commit", "--quiet", f"--message=Add {name}")
        return self.git("rev-parse", "HEAD").strip()

    def push(self, *words: str) -> None:
        self.git("push", "--quiet", "origin", *(words or ("main",)))

    def push_refused(self, *words: str) -> str:
        with pytest.raises(CommandFailed) as refusal:
            self.push(*words)
        return refusal.value.stderr


Make = Callable[..., Clone]


@pytest.fixture
def repo(servers: Instance, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A repository with one commit of Instructor's."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    template = tmp_path / "template"
    template.mkdir()
    (template / "README.md").write_text("# A repository\n")
    git_server.create_repo(servers, name)
    git_server.seed(servers, name, template)
    return name


@pytest.fixture
def clone(servers: Instance, repo: str, tmp_path: Path) -> Make:
    def make(user: str = "attendee", folder: str = "clone") -> Clone:
        return Clone(servers, repo, tmp_path / folder, user)

    return make


def page(servers: Instance, path: str, headers: dict[str, str] | None = None) -> Answer:
    return fetch(f"{git_server.base_url(servers)}{path}", headers)


def image_of(container: str) -> str:
    return engine.docker("inspect", "--format={{.Config.Image}}", container).strip()


def test_the_first_commit_is_instructors_and_is_made_once(
    servers: Instance, repo: str, clone: Make, tmp_path: Path
) -> None:
    first = clone()
    assert first.git("log", "--format=%an %ae %cn").split("\n")[0] == (
        "Instructor instructor@hackfest.local Instructor"
    )
    first.commit("mine")
    first.push()
    git_server.create_repo(servers, repo)
    git_server.seed(servers, repo, tmp_path / "template")
    assert len(clone(folder="again").git("log", "--format=%h").split()) == 2


def test_an_empty_template_is_refused(servers: Instance, tmp_path: Path) -> None:
    git_server.create_repo(servers, "empty")
    with pytest.raises(LabError, match="is empty"):
        git_server.seed(servers, "empty", tmp_path)
    with pytest.raises(LabError, match="a repository called"):
        git_server.create_repo(servers, "../x")


def test_everybody_reads_and_only_those_with_a_password_push(
    servers: Instance, repo: str, clone: Make, tmp_path: Path
) -> None:
    writer = clone()
    writer.commit("mine")
    nobody = {**writer.env, "GIT_CONFIG_COUNT": "0"}
    run("git", "clone", "--quiet", writer.url, tmp_path / "anonymous", env=nobody)
    with pytest.raises(CommandFailed, match=NO_ENTRY):
        run("git", "push", "origin", "main", cwd=writer.folder, env=nobody)
    wrong = {**writer.env, "GIT_CONFIG_VALUE_0": "Authorization: Basic YXR0ZW5kZWU6d3Jvbmc="}
    with pytest.raises(CommandFailed, match=NO_ENTRY):
        run("git", "push", "origin", "main", cwd=writer.folder, env=wrong)
    writer.push()


def test_a_push_without_a_user_gets_no_further_than_git(servers: Instance, repo: str) -> None:
    """Whatever slips past the rules of lighttpd is refused by git: no user, no push."""
    listing = page(servers, f"/{repo}.git/info/refs?service=git%2Dreceive-pack")
    assert listing.status in (401, 403)
    post = fetch(f"{git_server.base_url(servers)}/{repo}.git/git-receive-pack", method="POST")
    assert post.status == 401
    encoded = fetch(f"{git_server.base_url(servers)}/{repo}.git/git%2Dreceive-pack", method="POST")
    assert encoded.status == 401


def test_ci_reads_and_does_not_write(clone: Make) -> None:
    ci = clone("ci")
    ci.commit("mine")
    assert "CI builds images" in ci.push_refused()


@pytest.mark.parametrize("megabytes", [20, pytest.param(200, marks=pytest.mark.long)])
def test_megabytes_in_one_push(
    servers: Instance, clone: Make, output: Path, megabytes: int
) -> None:
    big = clone()
    content = os.urandom(megabytes * MEGABYTE)
    big.commit("big", content)
    started = time.monotonic()
    big.push()
    pushed = time.monotonic()
    again = clone(folder="again")
    cloned = time.monotonic()
    assert (again.folder / "big").read_bytes() == content
    left = docker.exec_in(servers.container("git"), "find", "/srv/git/.upload", "-type", "f")
    assert left == ""
    seconds = {"push": round(pushed - started, 1), "clone": round(cloned - pushed, 1)}
    write_json(output / f"git-{megabytes}-megabytes.json", seconds)
    for folder in (big.folder, again.folder):
        shutil.rmtree(folder)


def test_history_is_not_rewritten(clone: Make) -> None:
    writer = clone()
    writer.commit("mine")
    writer.push()
    writer.git("reset", "--quiet", "--hard", "HEAD~1")
    writer.commit("instead")
    said = writer.push_refused("--force", "main")
    assert all(word in said for word in ("found: ", "expected: ", "next: ", "force push"))
    assert "deletion of the branch 'main'" in writer.push_refused(":main")


def test_a_commit_is_its_pushers_own(clone: Make) -> None:
    writer = clone()
    forged = ["-c", "user.email=instructor@hackfest.local"]
    (writer.folder / "file").write_text("x")
    writer.git("add", "file")
    with pytest.MonkeyPatch.context() as patch:
        for key in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
            patch.delitem(writer.env, key)
        writer.git(*forged, "commit", "--quiet", "--message=Forged")
    said = writer.push_refused()
    assert "author instructor@hackfest.local (Forged)" in said
    assert "git config user.email attendee@hackfest.local" in said
    writer.git("commit", "--amend", "--reset-author", "--no-edit")
    writer.push()


def test_a_broken_object_is_refused(clone: Make) -> None:
    writer = clone()
    tree = writer.git("rev-parse", "HEAD^{tree}").strip()
    text = f"tree {tree}\nauthor A <attendee@hackfest.local> 1 +0000\ncommitter nonsense\n\nx\n"
    words = ["git", "hash-object", "-t", "commit", "-w", "--literally", "--stdin"]
    broken = run(*words, stdin=text, cwd=writer.folder, env=writer.env).strip()
    assert re.search("missingEmail|badEmail|fsck", writer.push_refused(f"{broken}:refs/heads/x"))


def test_push_options_are_taken(clone: Make) -> None:
    writer = clone()
    writer.commit("mine")
    writer.push("--push-option=override=for the test", "main")


def test_two_pushes_at_once_one_wins_and_the_other_is_told_to_fetch(
    servers: Instance, repo: str, clone: Make
) -> None:
    """Both have passed git's own check when the first is let through: nothing is lost."""
    writers = [clone(user, user) for user in ("attendee", "instructor")]
    for writer, name in zip(writers, "ab", strict=True):
        writer.commit(name)
    container = servers.container("git")
    lock = f"/srv/git/{repo}.git/push.lock"
    # Hold both at the door, so that they meet there for certain.
    words = ["docker", "exec", "-i", container, "flock", lock, "sh", "-c", "echo held; read go"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        outcomes: dict[int, str] = {}

        def push(number: int) -> None:
            try:
                writers[number].push()
                outcomes[number] = ""
            except CommandFailed as refusal:
                outcomes[number] = refusal.stderr

        threads = [threading.Thread(target=push, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()

        def both_wait() -> None:
            waiting = engine.docker("top", container, "-eo", "pid,args").count(f"300 {lock}")
            if waiting != 2:
                raise NotYet(f"{waiting} of 2 pushes wait for the lock")

        wait_for(both_wait, what="two pushes at the door", timeout=60, interval=0.1)
        holder.communicate(b"go\n")
        for thread in threads:
            thread.join()
    assert sorted(bool(said) for said in outcomes.values()) == [False, True]
    loser = next(number for number, said in outcomes.items() if said)
    assert "moved on the server while you pushed" in outcomes[loser]
    assert "git pull --rebase" in outcomes[loser]
    writers[loser].git("pull", "--quiet", "--rebase", "origin", "main")
    writers[loser].push()
    log = clone(folder="again").git("log", "--format=%s")
    assert {"Add a", "Add b"} <= set(log.splitlines())


def test_pages_can_be_read_directly_and_behind_a_proxy(
    servers: Instance, repo: str, clone: Make
) -> None:
    clone()
    for prefix in ("", "/user/ann/proxy/8300"):
        headers = {"X-Forwarded-Context": prefix} if prefix else {}
        for path in ("/", f"/{repo}/", f"/{repo}/log/", f"/{repo}/tree/README.md", f"/{repo}.git"):
            answer = page(servers, path, headers)
            assert answer.status == 200, path
            text = answer.body.decode()
            links = re.findall(r"(?:href|src|action)='(/[^']*)'", text)
            assert links, path
            assert [link for link in links if not link.startswith(f"{prefix}/")] == []
            for link in set(links):
                reached = page(servers, link.removeprefix(prefix).replace("&amp;", "&"), headers)
                assert reached.status == 200, f"{link} on {path}"
    assert f"{git_server.url(servers, repo)}" in page(servers, f"/{repo}/").body.decode()
    odd = page(servers, "/", {"X-Forwarded-Context": "/x'><script>"}).body.decode()
    assert "<script" not in odd


def test_only_the_smart_protocol(servers: Instance, repo: str) -> None:
    assert page(servers, f"/{repo}.git/HEAD").status == 403
    assert page(servers, f"/{repo}.git/objects/info/packs").status == 403
    refs = f"/{repo}.git/info/refs"
    assert page(servers, refs).status == 403
    first = page(servers, f"{refs}?service=git-upload-pack").body
    assert first.startswith(b"001e# service=git-upload-pack\n")
    second = page(servers, f"{refs}?service=git-upload-pack", {"Git-Protocol": "version=2"}).body
    assert b"version 2\n" in second
    assert page(servers, "/.users").status == 404
    assert page(servers, "/static/../../../etc/passwd").status in (400, 404)


@pytest.mark.parametrize(
    "harm", ["kill", "stop", "pause", "remove", "other spec", "half-made", "cut off"]
)
def test_a_harmed_server_is_mended_and_nothing_is_lost(
    servers: Instance, repo: str, clone: Make, harm: str
) -> None:
    writer = clone()
    commit = writer.commit("mine")
    writer.push()
    name = servers.container("git")
    image = image_of(name)
    if harm == "kill":
        engine.docker("kill", "--signal=KILL", name)
    elif harm in ("stop", "pause"):
        engine.docker(harm, name)
    elif harm == "cut off":
        cut_off(name)
    else:
        docker.remove_container(name)
    if harm == "other spec":
        labels = [f"--label={key}={value}" for key, value in servers.labels.items()]
        engine.docker("run", "--detach", f"--name={name}", *labels, image, "sleep", "1000")
    if harm == "half-made":
        labels = [f"--label={key}={value}" for key, value in servers.labels.items()]
        engine.docker("create", f"--name={name}", *labels, image)
    git_server.ensure(servers)
    git_server.ensure(servers)
    assert clone(folder="again").git("rev-parse", "HEAD").strip() == commit


def test_locks_of_a_killed_push_do_not_stay(servers: Instance, repo: str, clone: Make) -> None:
    writer = clone()
    writer.commit("mine")
    name = servers.container("git")
    docker.exec_in(name, "touch", f"/srv/git/{repo}.git/refs/heads/main.lock")
    engine.docker("kill", "--signal=KILL", name)
    git_server.ensure(servers)
    writer.push()


def test_new_passwords_reach_the_server_and_are_kept_from_others(servers: Instance) -> None:
    path = servers.root / "credentials.json"
    before = credentials(servers)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(set(before.values())) == 4
    path.unlink()
    git_server.ensure(servers)
    registry.ensure(servers)  # as `make up` does: both know the same users
    assert credentials(servers) != before
    git_server.create_repo(servers, "passwords")
    refs = "/passwords.git/info/refs?service=git-receive-pack"
    fresh = {"Authorization": f"Basic {basic(servers, 'attendee')}"}
    assert page(servers, refs, fresh).status == 200
    users = docker.exec_in(servers.container("git"), "cat", "/srv/git/.users")
    assert all(line.split(":")[1].startswith("$6$") for line in users.splitlines())
    assert not any(password in users for password in credentials(servers).values())
    inspected = engine.docker("inspect", servers.container("git"))
    assert not any(password in inspected for password in credentials(servers).values())


def test_a_port_in_use_is_named(servers: Instance) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        spec = docker.ContainerSpec(
            name=servers.container("clash"),
            image=image_of(servers.container("git")),
            network=servers.network,
            ports={80: port},
        )
        with pytest.raises(LabError, match=f"port {port} on 127.0.0.1 is in use"):
            docker.ensure_container(servers, spec)
    docker.remove_container(spec.name)


def test_what_somebody_else_made_is_left_alone(servers: Instance) -> None:
    stranger = Instance(f"{servers.name}-x", servers.root.parent / "x")
    engine.docker("volume", "create", stranger.volume("git"))
    try:
        with pytest.raises(LabError, match="a Docker volume"):
            docker.ensure_volume(stranger, "git")
    finally:
        engine.docker("volume", "rm", stranger.volume("git"))
