"""The steps of lab `agents`: a commit, nothing; then the agents, and the old commit goes live."""

from __future__ import annotations

from labs.errors import LabError
from labs.exercises.evidence import changing, lay, live, pushed_change, way
from labs.gitops import instances, sync
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import attendees
from labs.gitops.instances import State
from labs.instance import Instance
from labs.platform import flux, kubernetes
from labs.platform.environment import environment
from labs.run import run
from labs.step import Attempt, CheckFailed, Frame, NotDone, Step
from labs.wait import NotYet

CONTROLLER = "system:serviceaccount:flux-system:{}"


def _first_commit(attempt: Attempt) -> str:
    commit = pushed_change(
        attempt,
        "GREETING",
        "edit apps/production/hello.yaml, then `git commit --all`, `git push`",
    )
    return f"{commit} is on the Git server"


def _silence(attempt: Attempt) -> str:
    repo = attendees(attempt.instance)
    repo.fetch()
    greetings = changing(repo, "GREETING")
    if not greetings:
        raise NotYet("no new greeting is pushed yet")
    first = greetings[-1]
    if flux.source(kubernetes.api(attempt.instance)) is None:
        return f"{first.short} is pushed, and nothing has happened: nobody in the cluster reads Git"
    seen = sync.look(attempt.instance, first.sha)
    if not seen.live:
        return "nothing, for as long as there was no agent"
    return f"nothing, for as long as there was no agent: {first.short} lay in Git for {lay(seen)}"


def _instance(attempt: Attempt) -> str:
    found = instances.state(attempt.instance)
    if found.word == "unknown":
        raise NotDone(
            "this cluster has no name, and the config repo no folder for its agents",
            expected="an instance",
            todo="in the console, on the page Instances; or `lab instance create hackfest`",
        )
    repo = attendees(attempt.instance)
    repo.fetch()
    path = f"{instances.folder(attempt.instance)}/flux-system/sync.yaml"
    if path not in repo.files(UPSTREAM):
        raise CheckFailed(
            f"the instance {found.name!r}, and no {path} on the Git server",
            expected="the commit that the console or `lab instance create` makes",
            todo=f"`lab instance create {found.name}` makes it again",
        )
    told = "connected" if found.word == "connected" else "waiting for agents"
    return f"{found.name}, {told}; its agents will begin in {path}"


def _installed(attempt: Attempt) -> str:
    cluster = kubernetes.api(attempt.instance)
    if all(state == "absent" for state in flux.agents(cluster).values()):
        raise NotDone(
            "no pod of source-controller or kustomize-controller in any namespace",
            expected="both running in flux-system: `kubectl get pods --all-namespaces`",
            todo="the console's page Instances shows the one command; run it in the terminal",
        )

    def running() -> None:
        not_yet = [f"{n}: {s}" for n, s in flux.agents(cluster).items() if s != "running"]
        if not_yet:
            raise NotYet("; ".join(not_yet))

    attempt.wait(
        running,
        what="both agents running",
        todo="`kubectl get pods --namespace flux-system` shows what they wait for",
    )
    run(
        "flux",
        "check",
        env=environment(attempt.instance),
        timeout=attempt.timeout,
        todo="the line with ✗ names what is not well",
    )
    return f"{' and '.join(flux.COMPONENTS)} are running, and `flux check` finds nothing amiss"


def _connected(attempt: Attempt) -> str:
    if not attempt.answered:
        raise NotDone(
            "no answer: the cell still has its dots",
            expected="the short name of the commit that Flux has applied",
            todo="`flux get kustomizations` in the terminal; the name stands after `sha1:`",
        )

    def connected() -> State:
        found = instances.state(attempt.instance)
        if found.word != "connected":
            raise NotYet(f"{found.word}: {found.lines[-1]}")
        return found

    attempt.wait(
        connected,
        what="an instance that is connected",
        todo="`flux get all` shows where it stops; `lab instance` shows the command",
    )
    repo = attendees(attempt.instance)
    newest = repo.fetch()
    mine = str(attempt.answer).strip().rpartition("sha1:")[2]
    if len(mine) < 7 or not repo.knows(mine) or not repo.contains(newest.sha, mine):
        raise CheckFailed(
            f"{mine!r} is no commit of the config repo's main branch",
            expected="seven characters or more of a commit's name",
            todo="`flux get kustomizations`: the name stands after `sha1:`",
        )
    greeting = changing(repo, "GREETING")[-1]
    seen = live(attempt, greeting)
    return f"{greeting} lay in Git for {lay(seen)}; now it is live ({way(seen)})"


def _powers(attempt: Attempt) -> str:
    if not attempt.answered:
        raise NotDone(
            "no answer: which of the agents may change an app is still open",
            expected='"source-controller" or "kustomize-controller"',
            todo="ask the API server, with the command above the cell, for each of them",
        )
    may = {name: _may_change_apps(attempt.instance, name) for name in flux.COMPONENTS}
    if str(attempt.answer) not in may:
        raise CheckFailed(
            f"{attempt.answer!r}", expected=f"one of {list(may)}", todo="put one of the two there"
        )
    if not may[str(attempt.answer)]:
        raise CheckFailed(
            f"{attempt.answer} may not delete Deployments",
            expected="the agent whose answer is `yes`",
            todo="run the command for both, and compare",
        )
    return "; ".join(f"{name}: {'yes' if able else 'no'}" for name, able in may.items())


def _may_change_apps(instance: Instance, agent: str) -> bool:
    """Ask the API server; `kubectl auth can-i` ends with 1 for a no, so its word is read."""
    script = (
        "kubectl auth can-i delete deployments --namespace production "
        f"--as={CONTROLLER.format(agent)} || true"
    )
    return run("bash", "-c", script, env=environment(instance), timeout=30).strip() == "yes"


def instance_view(instance: Instance) -> Frame:
    """Show the instance from "waiting for agents" to "connected"."""
    try:
        found = instances.state(instance)
    except LabError as away:
        return Frame(away.found)
    return Frame(instances.says(found, "").rstrip().removesuffix(":"), found.word == "connected")


VIEWS = {"instance": instance_view}

STEPS: tuple[Step, ...] = (
    Step(
        id="silence",
        title="A commit without an agent",
        kind="predict",
        check=_silence,
        solution='lab.predict("silence", "the page appears, because Git has it")',
        why="A guess before the fact is what makes the fact stay.",
    ),
    Step(
        id="first-commit",
        title="Push the first commit",
        kind="edit",
        check=_first_commit,
        solution="""\
git pull --quiet --rebase
sed -i '/name: GREETING/{n;s/value: .*/value: Hello from Klagenfurt/}' apps/production/hello.yaml
git diff
git diff --quiet || git commit --quiet --all --message "Greet from Klagenfurt"
git push
""",
        why="One line changes, in one file; the commit says what, and the push tells the server.",
        hints=(
            "Which file of the config repo holds the greeting? Its README has a table.",
            "`git status` has three answers: changed, ahead of origin, clean. Which one is yours?",
            "A new greeting in apps/production/hello.yaml; `git commit -am Greet`; `git push`.",
        ),
    ),
    Step(
        id="instance",
        title="Create an instance",
        kind="terminal",
        check=_instance,
        solution="lab instance create hackfest\n",
        why="The cluster gets a name, and a folder in the config repo where its agents begin.",
        hints=(
            "Which page of the console is about instances? The console is a card of the launcher.",
            "What does that page ask you for, and which button is below it?",
            "Press Create the instance there; or run `lab instance create hackfest`.",
        ),
    ),
    Step(
        id="install-agents",
        title="Install the agents",
        kind="terminal",
        check=_installed,
        solution="""\
flux check --pre
git pull --quiet --rebase
sync="$PWD/$(git ls-files 'clusters/*/flux-system/sync.yaml' | head -1)"
flux install --components=source-controller,kustomize-controller --network-policy=false \\
  && kubectl apply -f "$sync"
kubectl get pods --all-namespaces
""",
        why="`flux install` brings the two agents; the second half tells them which repo to read.",
        hints=(
            "What does the console's page Instances show below “waiting for agents”?",
            "Did the command end with an error? `flux check --pre` tells what Flux needs.",
            "Copy both lines of that command, or of `lab instance`, into the terminal.",
        ),
    ),
    Step(
        id="connected",
        title="The old commit goes live",
        kind="code",
        check=_connected,
        solution="""\
lab.sh('''
kubectl wait kustomization/cluster --namespace flux-system \\
  --for=jsonpath="{.status.lastAppliedRevision}" --timeout=120s
''')
root = lab.cluster().get(
    "kustomize.toolkit.fluxcd.io/v1", "Kustomization", "cluster", "flux-system"
)
answer = root["status"]["lastAppliedRevision"]
""",
        why="Flux names each state of the cluster by the commit that it was made from.",
        hints=(
            "Which of Flux's objects applies things: the source, or the Kustomization?",
            "`flux get kustomizations` has a column REVISION. What stands after `sha1:`?",
            "Put the eight characters after `sha1:` there, in quotes.",
        ),
    ),
    Step(
        id="powers",
        title="Which agent may change things?",
        kind="code",
        check=_powers,
        solution='answer = "kustomize-controller"\n',
        why="Reading Git and changing the cluster are two programs; one of them has the rights.",
        hints=(
            "One of the two reads Git, the other applies. Which of them needs to change apps?",
            "What does the command above answer with `kustomize-controller` in its place?",
            '`answer = "kustomize-controller"`',
        ),
        stretch=True,
    ),
)
