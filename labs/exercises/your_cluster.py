"""The steps of lab `your-cluster`: what runs there, which part is what, who brings a pod back."""

from __future__ import annotations

from labs import replacements
from labs.errors import LabError
from labs.platform import kind, kubernetes
from labs.platform.objects import Object, pod_state
from labs.step import Attempt, NotDone, Step
from labs.wait import NotYet

SYSTEM = "kube-system"
PARTS = {
    "keeps the desired state": "etcd",
    "is the only door to it": "kube-apiserver",
    "turns a Deployment into pods": "kube-controller-manager",
    "chooses a node for a pod": "kube-scheduler",
    "starts the containers on its node": "kubelet",
}


def _one_line(attempt: Attempt) -> str:
    name = kind.node(attempt.instance)
    return f"one line, {name}: all of Kubernetes is inside. Git server and registry are beside it"


def _cluster_line(attempt: Attempt) -> str:
    if not attempt.answered:
        raise NotDone(
            "no container named yet",
            expected="the name of the container that is your cluster",
            todo="look at what `docker ps` printed: whose image and name speak of a node?",
        )
    wanted = kind.node(attempt.instance)
    if str(attempt.answer).strip() != wanted:
        raise LabError(
            f"{attempt.answer!r}",
            expected="the one container in which the cluster runs",
            todo="Git server and registry stand beside the cluster; which line is neither?",
        )
    return f"{wanted} is a whole machine to Kubernetes, and one container to Docker"


def _count(attempt: Attempt) -> str:
    if not attempt.answered:
        raise NotDone(
            "no number of pods yet",
            expected=f"how many pods run in the namespace {SYSTEM}",
            todo="run `kubectl get pods --all-namespaces` in the terminal, and count its lines",
        )
    listed = kubernetes.api(attempt.instance).list("v1", "Pod", SYSTEM)
    pods = replacements.alive(listed)
    # One that is on its way out is still in the list for a moment, and may be counted.
    if str(attempt.answer).strip() not in (str(len(pods)), str(len(listed))):
        raise LabError(
            f"{attempt.answer!r}",
            expected=f"the number of lines of `kubectl get pods --namespace {SYSTEM}`",
            todo="count again, without the line of titles; add `--no-headers | wc -l` to be sure",
        )
    return f"{len(pods)} pods make this machine a cluster"


def _which_part(attempt: Attempt) -> str:
    given = attempt.answer if isinstance(attempt.answer, dict) else {}
    if not any(isinstance(value, str) for value in given.values()):
        raise NotDone(
            "no part named yet",
            expected=f"one of {', '.join(sorted(PARTS.values()))} on each line",
            todo="fill in the five lines of the cell above",
        )
    wrong = [task for task, part in PARTS.items() if str(given.get(task)).strip() != part]
    if wrong:
        raise LabError(
            f"not the part that {wrong[0]}: {given.get(wrong[0])!r}",
            expected=f"{len(PARTS)} of {len(PARTS)} right; {len(PARTS) - len(wrong)} are",
            todo="read the paragraph above the cell again, or follow the arrows of the picture",
        )
    return "five programs, each with one task, and none gives orders to another"


def _what_became_of_it(attempt: Attempt) -> str:
    _, new = replacements.coredns(attempt.instance)
    if not new:
        raise NotYet("CoreDNS's first pods are all still there")
    names = replacements.names(new)
    return f"a new pod came at once, with another name: {names}. Nobody asked for it"


def _came_back(attempt: Attempt) -> str:
    old, new = replacements.coredns(attempt.instance)
    going = [pod for pod in old if pod_state(pod) == "Terminating"]
    if not new and not going:
        raise NotDone(
            f"the first CoreDNS pods are still there: {replacements.names(old)}",
            expected="one of them deleted by you",
            todo=f"in the terminal: kubectl delete pod --namespace {SYSTEM} NAME",
        )

    def ready() -> list[Object]:
        later = replacements.coredns(attempt.instance)[1]
        waiting = [pod for pod in later if pod_state(pod) != "Ready"]
        if not later:
            raise NotYet("no new pod yet")
        if waiting:
            raise NotYet(f"{replacements.names(waiting)} is not Ready")
        return later

    pods = attempt.wait(ready, what="a new CoreDNS pod is Ready", todo="kubectl get pods -A")
    return f"{replacements.names(pods)} came by itself, and is Ready"


def _owners(attempt: Attempt) -> str:
    given = attempt.answer if isinstance(attempt.answer, list | tuple) else []
    if not any(isinstance(entry, str) for entry in given):
        raise NotDone(
            "no owner named yet",
            expected="two kinds of object: the pod's owner, and its owner's owner",
            todo="look at ownerReferences in what the cell above printed",
        )
    kinds = [str(entry).strip().lower() for entry in given]
    if kinds != ["replicaset", "deployment"]:
        raise LabError(
            f"{' ← '.join(str(entry) for entry in given)}",
            expected="the kind in the pod's ownerReferences, then the kind in that object's own",
            todo=f"kubectl get replicaset --namespace {SYSTEM} -o yaml: whom does it name?",
        )
    return "the ReplicaSet saw one pod too few, and made one; the Deployment keeps the ReplicaSet"


def _nobody(attempt: Attempt) -> str:
    if not attempt.answered:
        raise NotDone(
            "no answer yet to who owns the Deployment",
            expected='the kind of its owner, or "nobody"',
            todo=f"kubectl get deployment coredns --namespace {SYSTEM} -o yaml",
        )
    if str(attempt.answer).strip().lower() not in ("nobody", "none", "no one"):
        raise LabError(
            f"{attempt.answer!r}",
            expected="what the Deployment's own metadata says of owners",
            todo="look for ownerReferences in its metadata. Is there any?",
        )
    return "so nobody would bring it back. That gap is what GitOps fills"


VIEWS = {"coredns": replacements.show_coredns}

STEPS = (
    Step(
        id="how-many-lines",
        title="How many lines of `docker ps` are the cluster?",
        kind="predict",
        check=_one_line,
        solution='lab.predict("how-many-lines", "five, one for each program")',
        why="A guess, to be compared with what happens.",
    ),
    Step(
        id="cluster-line",
        title="Find the cluster in `docker ps`",
        kind="code",
        check=_cluster_line,
        solution='import os\n\ncontainer = os.environ["LAB_NAME"] + "-control-plane"',
        why="kind stands for Kubernetes in Docker: it runs a whole node in one container, named "
        "after the cluster and the node's role.",
        hints=(
            "Which of these containers are the Git server and the registry, by their names?",
            "Kubernetes calls the machine that decides the control plane. Which name says so?",
            "It is the container whose name ends in `-control-plane`; copy its whole name.",
        ),
    ),
    Step(
        id="count-pods",
        title="Count the system's pods",
        kind="code",
        check=_count,
        solution='pods = len(lab.cluster().list("v1", "Pod", "kube-system"))',
        why="The API answers kubectl and Python alike: it is the only door, for people and "
        "programs.",
        hints=(
            "The first column is the namespace. Which lines begin with kube-system?",
            "kubectl can show one namespace alone. Which option names it?",
            (
                "`kubectl get pods --namespace kube-system --no-headers | wc -l`, or, in the cell: "
                '`pods = len(lab.cluster().list("v1", "Pod", "kube-system"))`.'
            ),
        ),
    ),
    Step(
        id="which-part",
        title="Which part is what",
        kind="code",
        check=_which_part,
        solution="\n".join(
            ["parts = {", *(f'    "{task}": "{part}",' for task, part in PARTS.items()), "}"]
        ),
        why="Each program watches the API server and does one thing about what it sees there.",
        hints=(
            "Which of them is a store, and which a door? The picture shows who talks to whom.",
            "Which of the two that are left works on one machine, and which chooses among all?",
            "In the order of the lines: " + ", ".join(f"`{part}`" for part in PARTS.values()) + ".",
        ),
    ),
    Step(
        id="who-brings-it-back",
        title="What happens when CoreDNS's pod is deleted?",
        kind="predict",
        check=_what_became_of_it,
        solution='lab.predict("who-brings-it-back", "it is gone, and names no longer resolve")',
        why="A guess, to be compared with what happens.",
    ),
    Step(
        id="delete-coredns",
        title="Delete a CoreDNS pod",
        kind="terminal",
        check=_came_back,
        solution="""\
coredns="--namespace kube-system --selector k8s-app=kube-dns"
kubectl get pods $coredns
pod=$(kubectl get pods $coredns --output jsonpath='{.items[0].metadata.name}')
kubectl delete pod --namespace kube-system "$pod"
kubectl get pods $coredns""",
        why="Deleting a pod changes what is. What is wanted stands elsewhere, and did not change.",
        hints=(
            "What is the full name of one of CoreDNS's pods, and in which namespace is it?",
            "`kubectl get pod NAME` shows a pod. Which verb makes it go?",
            (
                "`kubectl get pods --namespace kube-system` lists the names; then "
                "`kubectl delete pod --namespace kube-system NAME`."
            ),
        ),
    ),
    Step(
        id="owners",
        title="Who brought it back",
        kind="code",
        check=_owners,
        solution='owners = ["ReplicaSet", "Deployment"]',
        why="An object that was made by another names it in `metadata.ownerReferences`.",
        hints=(
            "Which `kind` stands in the pod's `ownerReferences`?",
            "That owner is an object too. Whom do its own `ownerReferences` name?",
            (
                'The pod belongs to a ReplicaSet, that to a Deployment: `owners = ["ReplicaSet", '
                '"Deployment"]`.'
            ),
        ),
    ),
    Step(
        id="owner-of-the-deployment",
        title="The owner of the Deployment",
        kind="code",
        check=_nobody,
        solution='owner = "nobody"',
        why="kubeadm made the Deployment once, when the cluster was set up, and went away.",
        hints=(
            "Does the Deployment's metadata have `ownerReferences`?",
            "If nothing watches over it, who would see that it is gone?",
            'It has none: `owner = "nobody"`.',
        ),
        stretch=True,
    ),
)
