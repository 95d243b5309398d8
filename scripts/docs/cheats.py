"""The cheat sheet's rows: what a person wants, and what each tool calls it.

A test holds the `lab` commands to the command tree; the other columns are what stands behind.
"""

from __future__ import annotations

from dataclasses import dataclass

TOOLS = ("lab", "git", "flux", "kubectl")


@dataclass(frozen=True)
class Row:
    """One thing to do: a line of commands per tool, several where it takes several."""

    want: str
    lab: tuple[str, ...] = ()
    git: tuple[str, ...] = ()
    flux: tuple[str, ...] = ()
    kubectl: tuple[str, ...] = ()


ROWS = (
    Row(
        "See what runs",
        ("lab workloads", "lab status"),
        ("git log --oneline -5",),
        ("flux get kustomizations",),
        ("kubectl get pods -n production",),
    ),
    Row(
        "Follow a commit until it is live",
        ("lab sync",),
        ("git push",),
        ("flux get kustomizations --watch",),
        ("kubectl rollout status deployment/hello -n production",),
    ),
    Row(
        "Judge it before the push",
        ("lab lint",),
        ("git diff",),
        ("flux diff kustomization apps --path apps/production",),
        ("kubectl kustomize apps/production",),
    ),
    Row(
        "Release",
        ("lab release hello 1.1.0",),
        ("edit apps/production/hello.yaml", "git commit -am WHY; git push"),
        ("flux events --for Kustomization/apps",),
        ("kubectl get deployment hello -n production -o wide",),
    ),
    Row(
        "Roll back, for good",
        ("lab rollback hello",),
        ("git revert COMMIT; git push", "(and pin, or the bot is back)"),
        ("flux get image update",),
        ("kubectl get replicasets -n production",),
    ),
    Row(
        "Lock, unlock",
        ("lab lock hello --reason WHY", "lab unlock hello"),
        ("git push -o override=WHY", "(the instructor alone)"),
    ),
    Row(
        "Automate, choose versions",
        ("lab automate hello", "lab deautomate hello", 'lab policy hello "~1.2"'),
        ("git log --author=Flux",),
        ("flux get images all",),
        ("kubectl get imagepolicies -n flux-system",),
    ),
    Row(
        "Git against what runs",
        ("lab diff",),
        ("git show HEAD:apps/production/hello.yaml",),
        ("flux reconcile kustomization apps --with-source",),
        ("kubectl diff -k apps/production",),
    ),
    Row(
        "Have Flux rest, go on",
        (),
        ("(a change by hand: say it in Git as well)",),
        ("flux suspend kustomization apps", "flux resume kustomization apps"),
        ("kubectl get kustomizations -n flux-system",),
    ),
    Row(
        "Find a fault, from Git towards the node",
        ("lab logs git", "lab help"),
        ("git log -3 --stat",),
        ("flux get all -A", "flux logs --level=error"),
        ("kubectl describe pod NAME -n production", "kubectl logs deployment/hello -n production"),
    ),
    Row(
        "Who did what, and why",
        ("lab history hello",),
        ("git log --format='%h %an: %B'",),
        ("flux events",),
        ("kubectl get events -n production",),
    ),
    Row(
        "CI, and its images",
        ("lab ci runs", "lab ci logs --follow", "lab images hello"),
        ("git log origin/main",),
        ("flux get image repository",),
    ),
    Row(
        "Alerts",
        ("lab alerts", "lab silence ALERT --for 10m --reason WHY"),
        ("git log -- monitoring/rules",),
        ("flux get kustomizations monitoring",),
        ("kubectl get pods -n monitoring",),
    ),
    Row(
        "Learn",
        ("lab labs", "lab start 05", "lab check STEP", "lab hint STEP", "lab solve STEP"),
    ),
    Row(
        "Back to a lab's start; the rest of its steps",
        ("lab reset 05", "lab catchup"),
        ("git branch --list 'kept/*'", "(where your own work is)"),
    ),
)
