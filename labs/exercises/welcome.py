"""The steps of lab `welcome`: a tour, a self-test of git, YAML and kubectl, and a whole lab."""

from __future__ import annotations

from labs import readiness
from labs.errors import LabError
from labs.instance import Instance
from labs.platform import kubernetes
from labs.platform import status as platform
from labs.platform.environment import environment
from labs.run import CommandFailed, run
from labs.step import Attempt, NotDone, Step
from labs.wait import NotYet

SECOND_IMAGE = "registry:5000/tail:2.0.1"
UNREADY_POD = "checkout-7d4b9c6f5-x2k8p"


def _first_cell(attempt: Attempt) -> str:
    if not attempt.answered or not str(attempt.answer).strip():
        raise NotDone(
            "the cell above still hands over dots",
            expected="your name, in quotes: a Python string",
            todo='write it in place of the dots, for example name = "Ada", and run both cells',
        )
    return f"hello, {attempt.answer}. A ✓ means that a step is done"


def _git(instance: Instance, *words: str) -> str:
    practice = instance.work / "practice"
    return run("git", "-C", practice, *words, env=environment(instance))


def _committed(attempt: Attempt) -> str:
    if not (attempt.instance.work / "practice" / ".git").exists():
        raise NotDone(
            "no repository in the folder practice",
            expected="a folder practice in your folder work, made a repository by `git init`",
            todo="in a terminal whose prompt says `work`, type the commands above",
        )
    try:
        text = _git(attempt.instance, "show", "HEAD:app.yaml")
    except CommandFailed as none:
        raise NotDone(
            "practice is a repository without a commit of app.yaml",
            expected="one commit that holds app.yaml",
            todo="`git status` says what is missing: `git add app.yaml`, or `git commit -m …`",
        ) from none
    return f"app.yaml is in a commit, and says {text.strip()!r}"


def _edited(attempt: Attempt) -> str:
    versions = _versions(attempt.instance)
    if any("replicas: 3" in version for version in versions):
        return f"{len(versions)} commits of app.yaml, and one asks for three replicas"
    file = attempt.instance.work / "practice" / "app.yaml"
    if file.exists() and "replicas: 3" in file.read_text():
        raise LabError(
            "app.yaml asks for three replicas, and no commit does",
            expected="a commit of that change",
            todo='in the terminal, in practice: git commit -am "Ask for a third replica"',
        )
    raise NotDone(
        "app.yaml does not ask for three replicas",
        expected="the line `replicas: 3`, saved and committed",
        todo="open practice/app.yaml in the file browser on the left, change it, save, commit",
    )


def _versions(instance: Instance) -> list[str]:
    """Return app.yaml as each commit that touched it has it."""
    try:
        commits = _git(instance, "log", "--format=%H", "--", "app.yaml").split()
    except CommandFailed:  # no repository, or no commit: the step before says which
        return []
    return [_git(instance, "show", f"{commit}:app.yaml") for commit in commits]


def _yaml(attempt: Attempt) -> str:
    if not attempt.answered:
        raise NotDone(
            "no image yet",
            expected="what stands at spec.containers[1].image",
            todo='write it in place of the dots, in quotes; stuck? lab.hint("read-yaml")',
        )
    if str(attempt.answer).strip() != SECOND_IMAGE:
        raise LabError(
            f"{attempt.answer!r}",
            expected="the image of the container at place [1]",
            todo="a list's places are counted from 0: which container is at [0]?",
        )
    return "lists are counted from 0, and indentation says what belongs to what"


def _what_yaml_made_of_it(attempt: Attempt) -> str:
    return "the number 1.1: without quotes YAML reads a number, and the zero is gone"


def _kubectl(attempt: Attempt) -> str:
    if not attempt.answered:
        raise NotDone(
            "no pod named yet",
            expected="the name of the pod that gets no requests",
            todo='look at the column READY; stuck? lab.hint("read-kubectl")',
        )
    if str(attempt.answer).strip() != UNREADY_POD:
        raise LabError(
            f"{attempt.answer!r}",
            expected="the pod that runs, and is not ready",
            todo="compare what the column READY says of each: ready containers / all containers",
        )
    return "running is not ready: Kubernetes sends requests only to what is ready"


def _whole(attempt: Attempt) -> str:
    if not attempt.answered:
        raise NotDone(
            "no node named yet",
            expected="the name of your cluster's node",
            todo="run `kubectl get nodes` in the terminal, and copy what stands below NAME",
        )
    nodes = kubernetes.api(attempt.instance).list("v1", "Node")
    names = [str(node["metadata"]["name"]) for node in nodes]
    if str(attempt.answer).strip() not in names:
        raise LabError(
            f"{attempt.answer!r}",
            expected="the name of a node that `kubectl get nodes` lists",
            todo="copy it from the column NAME, without spaces, in quotes",
        )

    def well() -> list[platform.Part]:
        parts = platform.parts(attempt.instance)
        unwell = [f"{part.name}: {part.state}" for part in parts if not part.well]
        if unwell:
            raise NotYet("; ".join(unwell))
        return parts

    parts = attempt.wait(well, what="every part of the lab is well", todo="run `make up` again")
    return f"{len(parts)} parts, all well; your node is {names[0]}"


VIEWS = {"build": readiness.build}

STEPS = (
    Step(
        id="first-cell",
        title="Your first cell",
        kind="code",
        check=_first_cell,
        solution='name = "Ada"',
        why="A cell runs with Shift+Enter; what it defines is there for the cells after it.",
        hints=(
            "What does the cell assign to `name`, before you change it?",
            "How does Python know that something is text, and not the name of something?",
            (
                'In place of the dots, write your name in quotes: `name = "Ada"`. Then run the '
                "cell, and the check below it."
            ),
        ),
    ),
    Step(
        id="git-commit",
        title="Git: a commit",
        kind="terminal",
        check=_committed,
        solution="""\
cd "$LAB_HOME/$LAB_NAME/work"
mkdir -p practice && cd practice && git init
test -e app.yaml || echo "replicas: 2" > app.yaml
git add app.yaml
git diff --cached --quiet || git commit -m "Ask for two replicas"
git log --oneline""",
        why="A repository is a folder with a memory. `add` chooses what goes into the next "
        "commit, `commit` remembers it, with who, when and why.",
        hints=(
            "Does `git status`, in the folder practice, speak of a repository? Of a commit?",
            "A file goes through two doors before it is history. Which one did app.yaml not pass?",
            (
                'In the terminal, in the folder practice: `git init`, `echo "replicas: 2" > '
                'app.yaml`, `git add app.yaml`, `git commit -m "Ask for two replicas"`.'
            ),
        ),
    ),
    Step(
        id="git-edit",
        title="Git: a change",
        kind="edit",
        check=_edited,
        solution="""\
cd "$LAB_HOME/$LAB_NAME/work/practice"
sed -i.bak 's/^replicas: .*/replicas: 3/' app.yaml && rm app.yaml.bak
git diff
git diff --quiet || git commit -am "Ask for a third replica"
git log --oneline""",
        why="This is how you will change a cluster: edit a file, look at the difference, commit.",
        hints=(
            "What does `git diff`, in the folder practice, show: nothing, or your change?",
            "If it shows your change, which command commits it? If nothing, did you save?",
            (
                "Open practice/app.yaml, write `replicas: 3`, save with Ctrl+S; then, in the "
                'terminal, in practice: `git commit -am "Ask for a third replica"`.'
            ),
        ),
    ),
    Step(
        id="read-yaml",
        title="YAML: find a value",
        kind="code",
        check=_yaml,
        solution=f'image = "{SECOND_IMAGE}"',
        why="`containers` is a list: each dash begins an entry, and entries count from 0, so that "
        "[1] is the second.",
        hints=(
            "Which lines begin with a dash, directly below `containers`?",
            "If the first of them is [0], which is [1]? And what stands at its `image`?",
            f'The second container is `logs`: `image = "{SECOND_IMAGE}"`.',
        ),
    ),
    Step(
        id="yaml-version",
        title="What does YAML read at `version: 1.10`?",
        kind="predict",
        check=_what_yaml_made_of_it,
        solution='lab.predict("yaml-version", "the text 1.10")',
        why="A guess, to be compared with what happens.",
        stretch=True,
    ),
    Step(
        id="read-kubectl",
        title="kubectl: read a table",
        kind="code",
        check=_kubectl,
        solution=f'pod = "{UNREADY_POD}"',
        why="READY counts the ready containers of all: 0/1 runs, and gets no requests.",
        hints=(
            "The column STATUS says the same of all three. Which column does not?",
            "READY reads `ready / all`. Which pod has none that is ready?",
            f'It is the one with 0/1: `pod = "{UNREADY_POD}"`.',
        ),
    ),
    Step(
        id="whole",
        title="Your lab is whole",
        kind="code",
        check=_whole,
        solution='node = lab.cluster().list("v1", "Node")[0]["metadata"]["name"]',
        why="To name the node you have to ask the cluster, so all that is needed to ask it works; "
        "the check then looks at every other part.",
        hints=(
            "Which command lists the nodes of a cluster? You know its sister, `kubectl get pods`.",
            "In what it prints, which column holds the name?",
            (
                'Run `kubectl get nodes` in the terminal, and copy the name: `node = "…"`. From '
                'Python: `node = lab.cluster().list("v1", "Node")[0]["metadata"]["name"]`.'
            ),
        ),
    ),
)
