"""The checks of lab `drift` on fields that were changed by hand, and what became of them."""

from __future__ import annotations

import time

from labs.exercises import drift_evidence as evidence
from labs.exercises.drift_evidence import APP, LOOK, NAMESPACE, Scaling, seen_before
from labs.exercises.evidence import value
from labs.exercises.releases import fetched
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import flux, kubernetes
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet


def scaled_fact(attempt: Attempt) -> str:
    """Return what became of too many pods. Raises NotYet before that is known."""
    most = _most(fetched(attempt.instance))
    if told := _taken_back(attempt.instance, most):
        return told
    if _scaled(attempt.instance, most) is None and seen_before(attempt.instance, "scaled"):
        return "they were taken back, within Flux's interval of 30 s"
    raise NotYet("nobody has scaled by hand yet, or Flux has not looked since")


def scaled(attempt: Attempt) -> str:
    """Wait until more pods than Git ever asked for are taken back; return after how long."""
    instance = attempt.instance
    repo = fetched(instance)
    says, most = value(repo, "replicas", UPSTREAM), _most(repo)
    running = evidence.deployment(kubernetes.api(instance))
    if not says:
        raise CheckFailed(
            "Git says nothing of `replicas`, so nobody puts a number of pods right",
            expected="`replicas: 2` in apps/production/hello.yaml, as the lab came",
            todo="write it back below the first `spec:`, commit, push",
        )
    over = running is not None and int(running["spec"]["replicas"]) > most
    if _scaled(instance, most) is None and _put_right(instance) is None and not over:
        if seen_before(instance, "scaled"):
            return f"done before; Git says {says}, and so many run"
        raise NotDone(
            f"neither an event nor Flux's log tells of more pods than the {most} of a commit",
            expected="a Deployment that somebody scaled past that, without Git",
            todo=f"`kubectl scale deployment/{APP} --replicas={most + 2} -n {NAMESPACE}`",
        )

    def back() -> str:
        now = evidence.deployment(kubernetes.api(instance))
        if now is not None and int(now["spec"]["replicas"]) > most:
            raise NotYet(f"{now['spec']['replicas']} pods are asked for; Flux looks every 30 s")
        told = _taken_back(instance, most)
        if not told:
            raise NotYet("more pods were asked for; Flux looks every 30 s")
        return told

    told = attempt.wait(back, what=f"{says} pods again", todo=LOOK)
    at = flux.sha((evidence.apps(kubernetes.api(instance)) or {})["status"]["lastAppliedRevision"])
    return f"{told}; the commit is {at[:7]}, no new one was needed"


def recorded(attempt: Attempt) -> str:
    """Compare the answer with what Flux's events say; return the record in short."""
    if not attempt.answered:
        raise NotDone(
            "no answer: Flux's words for what it did to the Deployment are still open",
            expected='words of an event, such as "Namespace/production created"',
            todo="`flux events --for Kustomization/apps` in the terminal",
        )
    mine = str(attempt.answer).strip()
    events = kubernetes.api(attempt.instance).list("v1", "Event", flux.NAMESPACE)
    kept = evidence.notes(events, ("configured", "created", "deleted"))
    if mine != f"Deployment/{NAMESPACE}/{APP} configured":
        raise CheckFailed(
            f"{mine!r}",
            expected="kind, namespace and name of the Deployment, and the verb behind them",
            todo="`flux events --for Kustomization/apps`: the line that says `configured`",
        )
    same = [note for note in kept if note.text == mine]
    if not same:
        return f"{mine}; the event itself is gone, or combined with others: Flux's log has it still"
    last = same[-1]
    often = "once" if last.count == 1 else f"{last.count} times"
    commit = f", last at {last.revision[:7]}" if last.revision else ""  # combined events have none
    return f"{mine}, {often}{commit}: the API server keeps that for an hour"


def fields_fact(attempt: Attempt) -> str:
    """Return which of the changes stayed. Raises NotYet before they were made."""
    found = evidence.deployment(kubernetes.api(attempt.instance))
    hands = {} if found is None else evidence.foreign(found)
    if hands:
        hand, names = next(iter(hands.items()))
        return f"one stays: {', '.join(names)}, which belongs to {hand}"
    if seen_before(attempt.instance, "fields"):
        return "the annotation of another manager stayed, until the Deployment itself was deleted"
    raise NotYet("nobody has changed the three yet")


def fields(attempt: Attempt) -> str:
    """Wait until Git's field is as Git says, and kubectl's addition is gone; the third stays."""
    instance = attempt.instance
    cluster = kubernetes.api(instance)
    repo = fetched(instance)
    found = evidence.deployment(cluster)
    by_hand = _greeting_by_hand(cluster, repo, found)
    hands = {} if found is None else evidence.foreign(found)
    if not by_hand or not hands:
        if seen_before(instance, "fields"):
            return "done before; the Deployment was made anew since, without the additions"
        if hands:
            lacks = f"{', '.join(hands)} has a field, and no greeting was ever set by hand"
        elif by_hand:  # lab 04 sets one as well
            lacks = f"the greeting {by_hand!r} was set by hand, and no other manager has a field"
        else:
            lacks = "every greeting that ran came from a commit, and no other manager has a field"
        raise NotDone(
            lacks,
            expected="a greeting by hand, an annotation, and one with `--field-manager`",
            todo=f"`kubectl set env deployment/{APP} GREETING=…`, and the two `kubectl annotate`",
        )
    says = evidence.asked(repo, "GREETING")[0]

    def corrected() -> None:
        now = evidence.deployment(cluster)
        if now is None or evidence.env(now, "GREETING") != says:
            raise NotYet("the greeting is still another one")
        if evidence.by_kubectl(now):
            raise NotYet(f"{evidence.by_kubectl(now)[0]} is still there")

    attempt.wait(corrected, what="what Git owns as Git says", todo=LOOK)
    hand, names = next(iter(hands.items()))
    return (
        f"{by_hand!r} is {says!r} again, kubectl's annotation is gone, and "
        f"{', '.join(names)} stays: it is {hand}'s, and Git says nothing of it"
    )


def owned(attempt: Attempt) -> str:
    """Compare the answer with the owner of the Deployment's number of pods."""
    if not attempt.answered:
        raise NotDone(
            "no answer: the owner of the field `replicas` is still open",
            expected="the name of a field manager, in quotes",
            todo=f"`kubectl get deployment {APP} -n {NAMESPACE} -o yaml --show-managed-fields`",
        )
    found = evidence.deployment(kubernetes.api(attempt.instance))
    names = evidence.owners(found, "replicas") if found else []
    if str(attempt.answer).strip() not in names:
        raise CheckFailed(
            f"{attempt.answer!r}",
            expected="the manager that has `f:replicas` below its `f:spec`",
            todo="look for `f:replicas`, then for the next `manager:` after it",
        )
    return f"{', '.join(names)}: it applies by force, so it becomes the owner again each time"


def _scaled(instance: Instance, most: int) -> tuple[Scaling, Scaling | None] | None:
    events = kubernetes.api(instance).list("v1", "Event", NAMESPACE)
    return evidence.beyond(evidence.scalings(events), most)


def _put_right(instance: Instance) -> float | None:
    """Return when Flux last put the Deployment right since the lab began, by its log."""
    cluster, what = kubernetes.api(instance), f"Deployment/{NAMESPACE}/{APP}"
    return max(evidence.corrections(cluster, evidence.begun(instance), what), default=None)


def _taken_back(instance: Instance, most: int) -> str:
    """Return how more than `most` pods came and went, '' before Flux took them back."""
    seen, at = _scaled(instance, most), _put_right(instance)
    if seen is not None and seen[1] is not None:
        return _told(seen[0], seen[1])
    if at is None or (seen is not None and at < seen[0].at):
        return ""
    # Where much happens the events do not tell all; Flux's log has a line for each of its looks.
    many = f"{seen[0].after} pods" if seen is not None else "more pods"
    when = time.strftime("%H:%M:%S", time.localtime(at))
    return f"{many} by hand, and Flux put that right at {when}"


def _most(repo: ConfigRepo) -> int:
    """Return the largest number of pods that a commit ever asked for."""
    return max(
        (int(each) for each in evidence.asked(repo, "replicas") if each.isdigit()), default=1
    )


def _told(up: Scaling, down: Scaling) -> str:
    return f"{up.after} pods by hand, {down.after} again {down.at - up.at:.0f} s later"


def _greeting_by_hand(cluster: Cluster, repo: ConfigRepo, found: Object | None) -> str:
    """Return a greeting that ran, or runs, and that no commit ever had; '' where there is none."""
    sets = cluster.list("apps/v1", "ReplicaSet", NAMESPACE, f"app.kubernetes.io/name={APP}")
    known = set(evidence.asked(repo, "GREETING"))
    ran = [evidence.env(each, "GREETING") for each in [*sets, *([found] if found else [])]]
    return next((greeting for greeting in ran if greeting and greeting not in known), "")
