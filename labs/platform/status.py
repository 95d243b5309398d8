"""Says how each part of a lab is, where it answers, and where its log is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from labs.errors import LabError
from labs.instance import Instance
from labs.platform import ci, console, docker, jupyter, kind, kubernetes
from labs.platform.loopback import fetch
from labs.reset import lost
from labs.wait import NotYet
from scripts.supply import api as supply

MONITORING = {
    "Prometheus": ("prometheus", "prometheus", "/-/healthy"),
    "Alertmanager": ("alertmanager", "alertmanager", "/-/healthy"),
    "Alerts' page": ("receiver", "alerts", "/healthz"),
}
"""As they are shown: Deployment, port, and the path that says whether it is well."""

ANEW = "the cluster was made anew, `make reset` fills it"
"""What it is when Flux is not where the reader has come to."""


@dataclass(frozen=True)
class Part:
    """One part of the lab as it is now."""

    name: str
    well: bool
    state: str
    address: str = ""


def parts(instance: Instance) -> list[Part]:
    """Return every part's state; a part that cannot be asked is unwell, and says why."""
    return [
        _asked("JupyterLab", lambda: _jupyter(instance)),
        _asked("Console", lambda: _console(instance)),
        _asked("Docker engine", _engine),
        _asked("Git server", lambda: _container(instance, "git", "Git server", "git")),
        _asked("Registry", lambda: _container(instance, "registry-gate", "Registry", "registry")),
        _asked("CI", lambda: _ci(instance)),
        _asked("Cluster", lambda: _cluster(instance)),
        _asked("Flux", lambda: _flux(instance)),
        *(_asked(title, lambda t=title: _monitoring(instance, t)) for title in MONITORING),  # type: ignore[misc]
        *_grafana(instance),
    ]


def show(instance: Instance, found: list[Part]) -> None:
    """Print the parts as a table that fits 80 columns, and the supply's state below it."""
    table = Table(title=f"lab {instance.name}", title_justify="left", box=None, pad_edge=False)
    for column in ("part", "", "state", "address"):
        table.add_column(column, overflow="fold")
    for part in found:
        table.add_row(part.name, "ok" if part.well else "--", part.state, part.address)
    console = Console(highlight=False)
    console.print(table)
    for entry in supply.status():
        if entry.state in ("running", "failed"):
            console.print(f"supply: {entry.name}: {entry.state} {entry.doing}", markup=False)


def logs(instance: Instance, part: str, lines: int) -> str:
    """Return the last lines of a part's log. Raises LabError with the known parts."""
    files = sorted(instance.logs.glob("*.log")) if instance.logs.exists() else []
    known: dict[str, Callable[[], str]] = {
        path.stem: lambda path=path: _tail(path.read_text(errors="replace"), lines)  # type: ignore[misc]
        for path in files
    }
    if docker.engine_answers():
        for name in docker.containers_of(instance):
            short = name.removeprefix(f"{instance.name}-")
            known[short] = lambda name=name: _tail(docker.logs(name, lines), lines)  # type: ignore[misc]
    if not part:
        return "".join(f"{name}\n" for name in sorted(known))
    if part not in known:
        raise LabError(
            f"no log of a part {part!r}",
            expected=f"one of {', '.join(sorted(known)) or 'none: the lab is not up'}",
            todo="run `lab logs` for the list",
        )
    return known[part]()


def _asked(name: str, ask: Callable[[], Part]) -> Part:
    try:
        return ask()
    except LabError as error:
        return Part(name, False, error.found.splitlines()[0][:60])
    except NotYet as silent:
        return Part(name, False, str(silent)[:60])


def _jupyter(instance: Instance) -> Part:
    if not jupyter.running(instance):
        return Part("JupyterLab", False, "stopped")
    return Part("JupyterLab", True, "running", jupyter.address(instance))


def _console(instance: Instance) -> Part:
    if not console.running(instance):
        return Part("Console", False, "stopped")
    return Part("Console", True, "running", console.address(instance))


def _engine() -> Part:
    answers = docker.engine_answers()
    return Part("Docker engine", answers, "running" if answers else "does not answer")


def _container(instance: Instance, part: str, title: str, port: str) -> Part:
    state = docker.state(instance.container(part))
    address = f"http://127.0.0.1:{instance.port(port)}" if state == "running" else ""
    return Part(title, state == "running", state, address)


def _ci(instance: Instance) -> Part:
    dispatcher = _container(instance, "ci", "CI", "ci")
    runner = docker.state(instance.container("ci-runner"))
    if not dispatcher.well or runner != "running":
        return Part("CI", False, f"dispatcher {dispatcher.state}, runner {runner}")
    silence = ci.runner_silence(instance)
    if silence > ci.QUIET:
        return Part("CI", False, "its runner does not ask for work", dispatcher.address)
    return dispatcher


def _cluster(instance: Instance) -> Part:
    state = docker.state(kind.node(instance))
    if state != "running":
        return Part("Cluster", False, state)
    version = kubernetes.api(instance).version()
    return Part(
        "Cluster", True, f"Kubernetes {version}", f"https://127.0.0.1:{instance.port('api')}"
    )


def _flux(instance: Instance) -> Part:
    found = kubernetes.api(instance).list("apps/v1", "Deployment", "flux-system")
    if not found:
        if (lab := lost.lost_at(instance)) is not None:
            return Part("Flux", False, f"not there, and you are at lab {lab.number:02d}: {ANEW}")
        return Part("Flux", True, "not installed: lab 02 does that")
    ready = [d for d in found if d.get("status", {}).get("readyReplicas")]
    return Part("Flux", len(ready) == len(found), f"{len(ready)} of {len(found)} agents run")


def _monitoring(instance: Instance, title: str) -> Part:
    deployment, part, path = MONITORING[title]
    found = kubernetes.api(instance).get("apps/v1", "Deployment", deployment, "monitoring")
    if found is None:
        return Part(title, True, "not installed: lab 09 does that")
    if not found.get("status", {}).get("readyReplicas"):
        return Part(title, False, "its pod is not ready")
    if not kind.publishes(instance, part):
        return Part(title, True, "runs; this cluster was made before its port was published")
    address = f"http://127.0.0.1:{instance.port(part)}"
    answer = fetch(f"{address}{path}", timeout=5)
    well = answer.status == 200
    return Part(title, well, "running" if well else f"answers {answer.status}", address)


def _grafana(instance: Instance) -> list[Part]:
    """Return nothing where nobody asked for it: the lab does without."""
    if not docker.engine_answers() or docker.state(instance.container("grafana")) == "absent":
        return []
    return [_asked("Grafana", lambda: _container(instance, "grafana", "Grafana", "grafana"))]


def _tail(text: str, lines: int) -> str:
    return "".join(line + "\n" for line in text.splitlines()[-lines:])
