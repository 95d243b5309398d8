"""The lab's CI: a dispatcher that hears of pushes, and a runner that can make images and no more.

The runner stands on a closed network on which it sees the Git server, the registry and the
dispatcher. It has the credentials of the user `ci`: images may be pushed with them, commits not.
(labs.platform.typical runs a second pipeline from the same parts, one that may do more.)
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labs.instance import Instance
from labs.platform import docker, files, git_server, registry
from labs.platform.credentials import credentials
from labs.platform.loopback import answered
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply

USER = "ci"
"""Whose credentials the runner has: it may push images, and no commits."""

QUIET = 40.0
"""Seconds without a word after which the runner is not well; it asks for work every 25."""

ROOT = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETFCAP", "SETGID", "SETUID")
"""What buildah needs, with SYS_CHROOT, of what Docker gives any container; the rest is dropped."""


@dataclass(frozen=True)
class Pipeline:
    """A dispatcher and its runner: what they are called, and where the runner stands."""

    repo: str
    """The repository whose pushes it builds."""
    part: str
    """The dispatcher's container, its name on the network, and its port's."""
    runner: str
    """The runner's container."""
    command: str
    """The command that a person asks it with."""
    start: str
    """The command that starts it."""
    closed: bool = True
    """Whether the runner stands on the closed network, or on that of the cluster."""
    path: str = ""
    """A folder of the runner's volume whose programs a workflow may call."""

    @property
    def dispatcher(self) -> str:
        """The dispatcher's address, as the Git server and the runner see it."""
        return f"http://{self.part}:8000"


GITOPS = Pipeline(repo="app", part="ci", runner="ci-runner", command="lab ci", start="make up")
"""The pipeline of the workshop: it makes images, and holds no key to the cluster."""


def ensure(
    instance: Instance,
    say: Callable[[str], None] = lambda line: None,
    pipeline: Pipeline = GITOPS,
    given: Mapping[str, str] | None = None,
) -> None:
    """Make dispatcher and runner run and know each other; `say` is told what had to be mended.

    `given` are further secrets that a workflow can name. Git server and registry have to be up.
    Raises TimedOut if the runner says nothing.
    """
    image = supply.image("ci")
    supply.load(image)
    base = push_base(instance, say)
    known = signing_keys(instance, pipeline)
    dispatcher = dispatcher_spec(instance, image, pipeline)
    runner = runner_spec(instance, image, base, pipeline)
    docker.ensure_container(instance, dispatcher, say)
    keys = {"hook": known["hook"], "runner": known["runner"]}
    docker.exec_in(dispatcher.name, "ci-secrets", stdin=json.dumps(keys))
    docker.ensure_container(instance, runner, say)
    # What is written in capitals is for the workflow; the runner keeps the rest to itself.
    secret = {"REGISTRY_PASSWORD": credentials(instance)[USER], **(given or {})}
    text = json.dumps({"runner": known["runner"], **secret})
    docker.exec_in(runner.name, "ci-secrets", stdin=text)
    hook = f"{pipeline.dispatcher}/hook"
    git_server.notify(instance, pipeline.part, [pipeline.repo], hook, known["hook"])
    _wait_for_runner(instance, pipeline)


def dispatcher_spec(
    instance: Instance, image: str, pipeline: Pipeline = GITOPS
) -> docker.ContainerSpec:
    """Return what the dispatcher's container is made from: no root, where Git and runner are."""
    return docker.ContainerSpec(
        name=instance.container(pipeline.part),
        image=image,
        network=docker.ensure_network(instance),
        aliases=(pipeline.part,),
        also=(docker.ensure_ci_network(instance),) if pipeline.closed else (),
        volumes={docker.ensure_volume(instance, pipeline.part): "/srv/ci"},
        ports={8000: instance.port(pipeline.part)},
        env={
            "CI_GIT": "http://git",
            "CI_REPO": pipeline.repo,
            "CI_BRANCH": git_server.BRANCH,
            "CI_COMMAND": pipeline.command,
        },
        command=("ci-dispatcher",),
        user="1000:1000",
        tmpfs=("/tmp",),  # noqa: S108 - in the container
        health=("healthy",),
        page="/healthy",
        options=docker.BETWEEN_NETWORKS,
    )


def runner_spec(
    instance: Instance, image: str, base: str, pipeline: Pipeline = GITOPS
) -> docker.ContainerSpec:
    """Return what the runner's container is made from: root inside, closed in.

    Building images needs system calls that Docker's filter refuses, and no capability that Docker
    would not give to any container; most of those are taken away.
    """
    network = docker.ensure_ci_network if pipeline.closed else docker.ensure_network
    return docker.ContainerSpec(
        name=instance.container(pipeline.runner),
        image=image,
        network=network(instance),
        volumes={docker.ensure_volume(instance, pipeline.runner): "/srv/ci"},
        env={
            "CI_GIT": "http://git",
            "CI_DISPATCHER": pipeline.dispatcher,
            "CI_REGISTRY": registry.INNER_ADDRESS,
            "CI_REGISTRY_USER": USER,
            "CI_BASE": base,
            "CI_PATH": pipeline.path,
        },
        command=("ci-runner",),
        user="0:0",
        tmpfs=("/tmp", "/run", "/var/tmp"),  # noqa: S108 - in the container
        options=(
            "--init",  # what a run leaves behind is reaped
            "--cap-drop=ALL",
            *(f"--cap-add={name}" for name in (*ROOT, "SYS_CHROOT")),
            "--security-opt=seccomp=unconfined",
            "--pids-limit=1024",
            "--memory=3g",
        ),
    )


def push_base(instance: Instance, say: Callable[[str], None]) -> str:
    """Put the image that the app is built on into the registry; return its name there."""
    ref = supply.image("hello-base")
    name = f"hello-base:{ref.rpartition(':')[2]}"
    registry.push_archive(instance, supply.image_archive(ref), name, say)
    return f"{registry.INNER_ADDRESS}/{name}"


def base_url(instance: Instance, pipeline: Pipeline = GITOPS) -> str:
    """Return where the dispatcher answers on the host."""
    return f"http://127.0.0.1:{instance.port(pipeline.part)}"


def signing_keys(instance: Instance, pipeline: Pipeline = GITOPS) -> dict[str, str]:
    """Return the secrets of one pipeline, made at random when first asked for.

    `hook` signs what the Git server and the command line send; `runner` is the runner's token.
    """
    path = instance.root / f"{pipeline.part}.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    made = {name: secrets.token_urlsafe(24) for name in ("hook", "runner")}
    files.write_private(path, json.dumps(made, indent=2) + "\n")
    return made


def runner_silence(instance: Instance, pipeline: Pipeline = GITOPS) -> float:
    """Return for how many seconds nothing was heard of the runner. Raises NotYet: no dispatcher."""
    answer = answered(f"{base_url(instance, pipeline)}/runs?limit=0", timeout=5)
    return time.time() - float(json.loads(answer.body)["runner_heard"])


def _wait_for_runner(instance: Instance, pipeline: Pipeline) -> None:
    runner = instance.container(pipeline.runner)

    def heard() -> None:
        if runner_silence(instance, pipeline) > QUIET:
            raise NotYet(docker.logs(runner, 3).strip() or "it has said nothing yet")

    wait_for(
        heard,
        what=f"the runner {runner} asking for work",
        timeout=30,
        interval=0.2,
        todo=f"`docker logs {runner}` shows its side; `{pipeline.start}` starts it again",
    )
