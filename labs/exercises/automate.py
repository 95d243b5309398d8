"""The steps of lab `automate`: versions deploy themselves; what that costs, and what it risks."""

from __future__ import annotations

from labs.errors import LabError
from labs.exercises import automate_checks as checks
from labs.exercises.automate_checks import RANGE
from labs.exercises.releases import BAD, GOOD, POLICY, fetched, moves
from labs.instance import Instance
from labs.platform import app, flux, kubernetes, objects
from labs.step import Frame, Step
from labs.wait import NotYet


def automation_view(instance: Instance) -> Frame:
    """Show the way of a new image: chosen by the policy, committed by the bot, answering."""
    lines = [f"the policy chooses   {_chosen(instance)}"]
    try:
        newest = next((one for one in moves(fetched(instance), 20)), None)
        lines.append(
            f"Git says             {newest.after}  ({newest.commit.short} by "
            f"{newest.commit.author.name})"
            if newest
            else "Git says             what it said at first"
        )
        lines.append(f"the app answers      {app.answer(instance)['version']}")
    except (LabError, NotYet) as away:  # it may come back while one watches
        lines.append(str(away))
    lines.append(f"the page             {checks.page(instance)}")
    return Frame("\n".join(lines))


def _chosen(instance: Instance) -> str:
    try:
        policy = kubernetes.api(instance).get(flux.IMAGE_API, "ImagePolicy", POLICY, flux.NAMESPACE)
    except LabError as away:
        return away.found
    if policy is None:
        return "nothing: there is no policy yet"
    chosen = policy.get("status", {}).get("latestRef", {}).get("tag")
    return chosen or objects.condition(policy, "Ready")[1] or "nothing yet"


VIEWS = {"automation": automation_view}


def _colleague(version: str) -> str:
    """Return the script that has a colleague commit a version, unless that was done before."""
    return f"""\
lab images hello | grep " {version} " || lab app commit {version} --wait
"""


STEPS: tuple[Step, ...] = (
    Step(
        id="automation-files",
        title="Install image automation",
        kind="terminal",
        check=checks.files,
        solution="""\
git pull --quiet --rebase
lab automation files
git add --all
git diff --cached --stat
git diff --cached --quiet || git commit --quiet --message "Keep hello up to date"
git push --quiet
""",
        why="What installs software in the cluster is a commit, like everything else.",
        hints=(
            "What does `lab automation files` say that it has done, and what has it not done?",
            "What does `git status` show: are there files that Git does not know yet?",
            "`lab automation files`, `git add --all`, `git commit -m Automate`, `git push`.",
        ),
    ),
    Step(
        id="automation-connect",
        title="Give the bot its password",
        kind="terminal",
        check=checks.connected,
        solution="lab automation connect\n",
        why="A password in Git is everybody's password: this part alone goes another way.",
        hints=(
            "Which two things did the commit not bring? `lab automation status` shows them.",
            "Which word comes after `lab automation` to make them? `--help` lists the words.",
            "`lab automation connect`",
        ),
    ),
    Step(
        id="writer",
        title="Which object makes commits?",
        kind="code",
        check=checks.writer,
        solution='answer = "ImageUpdateAutomation"\n',
        why="Looking, choosing and writing are three objects; only the last one needs a password.",
        hints=(
            "Which of the three would need to know a name and a mail address, as a person does?",
            "In `automation/production/hello.yaml`, below which `kind` does `author` stand?",
            '`answer = "ImageUpdateAutomation"`',
        ),
    ),
    Step(
        id="hands",
        title="What will you have to do?",
        kind="predict",
        check=checks.hands,
        solution='lab.predict("hands", "nothing, it deploys itself")',
        why="Whoever says beforehand what is missing notices when it is not.",
    ),
    Step(
        id="by-itself",
        title="A version deploys itself",
        kind="terminal",
        check=checks.by_itself,
        solution=_colleague(GOOD),
        why="From the colleague's push on, nobody in the chain is a person.",
        hints=(
            f"Is there an image of {GOOD}? `lab ci runs` and `lab images hello` tell.",
            "Which link of the chain is the last that did its part? `lab automation status`.",
            f'`lab app commit {GOOD}`, then wait; `lab.watch("automation")` shows the links.',
        ),
    ),
    Step(
        id="wager",
        title="The bet",
        kind="predict",
        check=checks.bet,
        solution='lab.predict("wager", "kubectl 2 s, push 3 s, poll 8 s")',
        why="Everybody has an opinion on what the way through Git costs. Few have a number.",
    ),
    Step(
        id="price",
        title="What the way through Git costs",
        kind="code",
        check=checks.ratio,
        solution="""\
medians = lab.bet(runs=1)  # measured above: it is looked up
answer = medians["push"] / medians["kubectl"]
""",
        why="A ratio of two medians on the same machine says more than either of them.",
        hints=(
            "Which two rows of the table does the question compare?",
            "Which of the two is the longer one, and how many times does the other go into it?",
            '`answer = medians["push"] / medians["kubectl"]`',
        ),
    ),
    Step(
        id="bad-news",
        title="A version with a bug",
        kind="predict",
        check=checks.bad_guess,
        solution='lab.predict("bad-news", "the tests or Flux will stop it")',
        why="What stops a bad version? Name it before you rely on it.",
    ),
    Step(
        id="bad-version",
        title="Automation deploys the bug",
        kind="terminal",
        check=checks.bad,
        solution=_colleague(BAD),
        why="Automation is as good as what it trusts: here a version number, and nothing else.",
        hints=(
            f"Is there an image of {BAD}? Did its tests pass? `lab ci runs` tells.",
            "Does the policy choose it? `flux get images policy` shows the choice, and since when.",
            f"`lab app commit {BAD}`, then wait until the page is broken.",
        ),
    ),
    Step(
        id="policy-choice",
        title="What another policy would choose",
        kind="code",
        check=checks.choice,
        solution='answer = "1.1.0"\n',
        why="A range is a promise about the future: try it on the versions that there are.",
        hints=(
            f"Which versions begin as `{RANGE}` says? `lab images hello` lists all that there are.",
            "Which of those is the newest? And what does `lab policy --dry-run` print?",
            f'`lab policy hello "{RANGE}" --dry-run` names it: put it there, in quotes.',
        ),
        stretch=True,
    ),
)
