"""The checks of lab `automate`: evidence in history and in the cluster that later labs leave."""

from __future__ import annotations

from labs.exercises.evidence import HELLO, live, way
from labs.exercises.releases import APP, BAD, GOOD, POLICY, Move, fetched, moves
from labs.gitops import ci, image_automation, images, wager
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.image_automation import connection, status
from labs.gitops.loan import AUTOMATION
from labs.gitops.race import WAYS
from labs.instance import Instance
from labs.platform import app, flux, kubernetes, registry
from labs.platform.loopback import fetch
from labs.step import Attempt, CheckFailed, NotDone
from labs.understudy import semver
from labs.wait import NotYet

RANGE = "~1.1"
"""The range that the last step asks about."""
BROKEN = 500
"""The first status that tells of a server's own error."""
NEAR = 0.1
"""By which part an answer about a ratio may be off: it is read from a table."""


def files(attempt: Attempt) -> str:
    """Wait until the controllers run that a pushed commit has brought."""
    repo = fetched(attempt.instance)
    brought = _bringer(repo)
    if brought is None:
        if (repo.path / AUTOMATION).exists():
            raise CheckFailed(
                f"{AUTOMATION} is in your clone, and the Git server does not have it",
                expected="a pushed commit that brings it, with all that came with it",
                todo="`git add --all`, `git commit --message Automate`, `git push`",
            )
        raise NotDone(
            f"no {AUTOMATION} in the config repo: nobody looks for new images",
            expected="the files of image automation, in a commit of yours",
            todo="`lab automation files` writes them into your clone; look, commit, push",
        )
    seen = live(attempt, brought)
    attempt.wait(
        lambda: status.all_running(attempt.instance),
        what="three new controllers running",
        todo="`flux get kustomizations` and `kubectl get pods -n flux-system` show what is missing",
    )
    return f"{brought} brought {', '.join(image_automation.COMPONENTS)} ({way(seen)})"


def connected(attempt: Attempt) -> str:
    """Wait until the bot may write and the Git server tells the cluster of pushes."""
    instance = attempt.instance
    if not connection.is_connected(instance):
        raise NotDone(
            "the bot has no password, and the Git server tells the cluster nothing",
            expected="both Secrets in the cluster, and a receiver that the Git server knows",
            todo="`lab automation connect` in the terminal",
        )

    def ready() -> str:
        found = status.parts(instance)
        missing = [f"{part.name}: {part.state}" for part in found if not part.well]
        if missing:
            raise NotYet("; ".join(missing))
        return f"{len(found)} parts, all of them well; the Git server tells of each push"

    return attempt.wait(ready, what="every part of it well", todo="`lab automation status`")


def writer(attempt: Attempt) -> str:
    """Compare the answer with the kind of the objects that name an author of commits."""
    if not attempt.answered:
        raise NotDone(
            "no answer: which of the objects makes commits is still open",
            expected='a kind, such as "ImagePolicy"',
            todo=f"read {AUTOMATION}: one of its two objects knows a name and a mail address",
        )
    cluster = kubernetes.api(attempt.instance)
    kinds = ("ImageRepository", "ImagePolicy", "ImageUpdateAutomation")
    found = {
        kind: [
            one
            for one in cluster.list(flux.IMAGE_API, kind, flux.NAMESPACE)
            if "git" in one["spec"]
        ]
        for kind in kinds
    }
    given = str(attempt.answer).strip()
    if given not in kinds:
        raise CheckFailed(f"{given!r}", expected=f"one of {kinds}", todo="put one of them there")
    if not found[given]:
        raise CheckFailed(
            f"no {given} says anything of commits",
            expected="the kind whose objects have a `git` with an author in them",
            todo=f"read {AUTOMATION} once more: who is called Flux?",
        )
    author = found[given][0]["spec"]["git"]["commit"]["author"]
    return f"{given}: it commits as {author['name']} <{author['email']}>"


def hands(attempt: Attempt) -> str:
    """Return who brought the good version. Raises NotYet before it is there."""
    move = _by_bot(fetched(attempt.instance), GOOD)
    if move is None:
        raise NotYet(f"{GOOD} has not been deployed yet")
    return f"none: {move.commit.short} is by {move.commit.author.name}, nobody released anything"


def by_itself(attempt: Attempt) -> str:
    """Wait until the bot's commit of the good version is live; return its way."""
    move = _deployed(attempt, GOOD)
    return f"{move.commit} is by {move.commit.author.name}: {way(live(attempt, move.commit))}"


def bet(attempt: Attempt) -> str:
    """Return the medians of the bet. Raises NotYet before it was run."""
    found = wager.kept(attempt.instance).medians
    if set(found) != set(WAYS):
        raise NotYet("the bet has not been run to its end yet")
    return "; ".join(f"{words}: {found[way]:.1f} s" for way, words in WAYS.items())


def ratio(attempt: Attempt) -> str:
    """Compare the answer with the ratio of two medians of the bet."""
    if not attempt.answered:
        raise NotDone(
            "no answer: what the way through Git costs is still open",
            expected="push's median by that of `kubectl set image`, such as 1.4",
            todo="the bet's table has both medians: divide them",
        )
    found = wager.kept(attempt.instance).medians
    if set(found) != set(WAYS):
        raise CheckFailed(
            "an answer, and no bet that was run to its end",
            expected="the bet's own figures",
            todo="run the cell with `lab.bet` first",
        )
    real = found["push"] / found["kubectl"]
    if not isinstance(attempt.answer, int | float) or abs(attempt.answer - real) > NEAR * real:
        raise CheckFailed(
            f"{attempt.answer}",
            expected="push's median divided by kubectl's, from your own table",
            todo='`medians["push"] / medians["kubectl"]`',
        )
    return f"{real:.2f} times as long through Git as past it, to the first new answer (medians)"


def bad_guess(attempt: Attempt) -> str:
    """Return what became of the bad version. Raises NotYet before it was deployed."""
    move = _by_bot(fetched(attempt.instance), BAD)
    if move is None:
        raise NotYet(f"{BAD} has not been deployed yet")
    return f"CI passed it, and {move.commit.author.name} deployed it as {move.commit.short}"


def bad(attempt: Attempt) -> str:
    """Wait until the bot's commit of the bad version is live, or was; return its way."""
    instance = attempt.instance
    move = _deployed(attempt, BAD)
    told = f"{move.commit} is by {move.commit.author.name}: {way(live(attempt, move.commit))}"
    if moves(fetched(instance))[0] != move:  # lab 07 has done something about it
        return told

    def broken() -> str:
        if not is_broken(instance):
            raise NotYet(page(instance))
        return page(instance)

    seen = attempt.wait(broken, what="a page that is broken", todo="`kubectl get pods -A`")
    return f"{told}; {seen}"


def choice(attempt: Attempt) -> str:
    """Compare the answer with what the range chooses among the versions that the registry has."""
    if not attempt.answered:
        raise NotDone(
            f"no answer: what {RANGE!r} would choose is still open",
            expected="a version, in quotes",
            todo=f'`lab policy hello "{RANGE}" --dry-run` in the terminal',
        )
    allowed = semver.Range.parse(RANGE)
    fitting = [
        tag
        for tag in images.newest_first(registry.tags(attempt.instance, APP))
        if (version := semver.parse_tag(tag)) and allowed.allows(version)
    ]
    if not fitting:
        raise CheckFailed(
            f"no image in the registry is of {RANGE!r}",
            expected="1.1.0, which lab 04 built",
            todo="`lab app commit 1.1.0 --wait`",
        )
    newest = fitting[0]
    if str(attempt.answer).strip() != newest:
        raise CheckFailed(
            f"{attempt.answer!r}",
            expected=f"the newest version that {RANGE!r} allows",
            todo=f'`lab policy hello "{RANGE}" --dry-run` names it',
        )
    return f"{newest}: the newest of {len(fitting)} that {RANGE!r} allows"


def page(instance: Instance) -> str:
    """Return what a visitor's browser is answered, in words."""
    try:
        status = fetch(app.address(instance), timeout=app.ANSWER_SECONDS).status
    except NotYet as silent:
        return str(silent)
    word = "broken" if status >= BROKEN else "fine"
    return f"{word}: {app.address(instance)} answers {status}"


def is_broken(instance: Instance) -> bool:
    """Return whether a visitor's browser is told of an error of the app's own."""
    return page(instance).startswith("broken")


def _bringer(repo: ConfigRepo) -> Commit | None:
    """Return the newest commit that brought image automation, while it is there.

    The demo brings it, too, and takes it away again.
    """
    if AUTOMATION not in repo.files(UPSTREAM):
        return None
    commits = repo.log(UPSTREAM, AUTOMATION)
    new = (c for c in commits if not (c.parents and repo.text(AUTOMATION, c.parents[0])))
    return next(new, None)


def _by_bot(repo: ConfigRepo, version: str) -> Move | None:
    """Return the bot's first commit that brought a version."""
    return next((m for m in reversed(moves(repo)) if m.by_bot and m.after == version), None)


def _deployed(attempt: Attempt, version: str) -> Move:
    """Wait until the bot has committed a version, if its image is there or being built."""
    instance = attempt.instance

    def committed() -> Move:
        move = _by_bot(fetched(instance), version)
        if move is None:
            raise NotYet(on_its_way(instance, version))
        return move

    try:
        return committed()
    except NotYet:
        _refuse_unbuilt(instance, version)
    return attempt.wait(
        committed,
        what=f"a commit of {version} in {HELLO} by the bot",
        todo="`lab automation status` and `flux get images all` show where it stops",
    )


def on_its_way(instance: Instance, version: str) -> str:
    """Return how far a version is on its way to the bot's commit, in words."""
    if version not in registry.tags(instance, APP):
        said = [f"CI's newest run is {r.number}, {r.state} {r.stage}" for r in ci.runs(instance, 1)]
        return f"no image of {version} yet; {''.join(said) or 'CI has run nothing'}"
    policy = kubernetes.api(instance).get(flux.IMAGE_API, "ImagePolicy", POLICY, flux.NAMESPACE)
    chosen = (policy or {}).get("status", {}).get("latestRef", {}).get("tag", "nothing")
    return f"the image of {version} is there; the policy has chosen {chosen}"


def _refuse_unbuilt(instance: Instance, version: str) -> None:
    """Raise NotDone where nobody has committed the version to the app repo."""
    if version in registry.tags(instance, APP):
        return
    if any(not run.has_ended for run in ci.runs(instance, 5)):
        return
    raise NotDone(
        f"no image of {version}, and CI is building nothing",
        expected=f"a colleague's commit of {version} to the app repo",
        todo=f"`lab app commit {version}`: you are the colleague, too, for a moment",
    )
