"""The steps of lab `incident`: an alert of one's own, a bad release, and what is made of it."""

from __future__ import annotations

from labs.exercises import incident_checks as checks
from labs.exercises import incident_over as over
from labs.exercises import incident_report as report
from labs.exercises.evidence import HELLO
from labs.exercises.incident_checks import RATE, TRAFFIC
from labs.exercises.incident_evidence import BAD, GOOD
from labs.exercises.incident_report import FILE, FOLDER
from labs.exercises.incident_rule import RULE, TEST
from labs.exercises.monitoring_evidence import TESTS
from labs.exercises.releases import APP
from labs.gitops.monitoring.check import RULES
from labs.step import Step

# A solution is run again when all is done, in a later lab too: then it finds its own commit in the
# history, and leaves everything as it is. What is done by hand is done again, and undone by Flux.
STEPS: tuple[Step, ...] = (
    Step(
        id="alert-rule",
        title="An alert, with its test",
        kind="edit",
        check=checks.alert_rule,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Page somebody when the budget burns')" ]; then
  cat > {RULES}/burn.yml <<'END'
{RULE}END
  cat > {TESTS}/burn.yml <<'END'
{TEST}END
  sed -i 's|^    files:|&\\n      - burn.yml|' {RULES}/kustomization.yaml
  promtool test rules {TESTS}/burn.yml
  lab lint
  git add {RULES}
  git commit --quiet --message "Page somebody when the budget burns fast"
  git push --quiet
  lab sync
fi
""",
        why="An alert is tried for the first time on paper, or at three in the morning.",
        hints=(
            "From which share of failed requests on would you want to be woken up?",
            "Does the test say when it fires, and does it also say when it does not?",
            f"The files of the text, `- burn.yml` in {RULES}/kustomization.yaml; commit, push.",
        ),
    ),
    Step(
        id="traffic-on",
        title="Visitors",
        kind="edit",
        check=checks.traffic,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Send the app visitors')" ]; then
  sed -i 's|^  replicas: .*|  replicas: 1|' {TRAFFIC}
  sed -i '/name: TRAFFIC_RATE/{{n;s|value: .*|value: "{RATE:g}"|}}' {TRAFFIC}
  git diff
  git commit --quiet --all --message "Send the app visitors, as on a working day"
  git push --quiet
  lab sync
fi
""",
        why="Of an app that nobody uses, nobody knows whether it works.",
        hints=(
            f"Which two lines of {TRAFFIC} say how many pods ask, and how often?",
            "Has the server got it? `git status` says whether you are ahead of origin.",
            f'`replicas: 1`, and `value: "{RATE:g}"` below TRAFFIC_RATE; commit, push.',
        ),
    ),
    Step(
        id="good-release",
        title="A good release",
        kind="terminal",
        check=checks.good,
        solution=f"""\
lab images {APP} | grep " {GOOD} " || lab app commit {GOOD} --wait
""",
        why="What is normal is seen best before it is over.",
        hints=(
            f"Is there an image of {GOOD}? `lab ci runs` and `lab images {APP}` tell.",
            "Who releases it? `lab workloads` shows whether the bot may choose it.",
            f"`lab app commit {GOOD} --wait`, and wait for the bot",
        ),
    ),
    Step(
        id="noticed",
        title="Who will notice?",
        kind="predict",
        check=checks.noticed_fact,
        solution='lab.predict("noticed", "the tests, before it is released")',
        why="Name who is on watch before you rely on them.",
    ),
    Step(
        id="fires",
        title="An evening like any other",
        kind="terminal",
        check=checks.fires,
        solution=f"""\
lab images {APP} | grep " {BAD} " || lab app commit next --wait
""",
        why="Nobody announces the release that goes wrong: that is why something has to watch.",
        hints=(
            "Has the bot released something? What does the picture do since then?",
            "Is anybody asking the app? Which alert of `%promql ALERTS` is yours?",
            "`lab app commit next --wait`; then wait for two minutes, and look at the picture.",
        ),
    ),
    Step(
        id="culprit",
        title="Which commit was it?",
        kind="code",
        check=over.culprit,
        solution=f"""\
import subprocess

script = '''
git -C ../config-repo pull --quiet --rebase
git -C ../config-repo log --format=%h -S"hello:{BAD}" -- {HELLO}
'''
answer = subprocess.check_output(["bash", "-euc", script], text=True).split()[-1]
""",
        why="Numbers say when, Git says what: on one time axis they say who.",
        hints=(
            "At which time do the errors begin, and what has the picture there?",
            f"Which commit of `lab history {APP}` has that time?",
            f"`lab history {APP} -n 5`: the name in the row that brings {BAD}, in quotes.",
        ),
    ),
    Step(
        id="clear-guess",
        title="How soon is it over?",
        kind="predict",
        check=over.clear_fact,
        solution='lab.predict("clear-guess", "at once, when the old version is back")',
        why="Whoever knows how long an alert lasts does not roll back twice.",
    ),
    Step(
        id="rolled-back",
        title="Roll back, and see it clear",
        kind="terminal",
        check=over.rolled_back_and_clear,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Lab-Reason: BudgetBurnsFast')" ]; then
  lab rollback {APP} --reason "BudgetBurnsFast: requests fail since the release"
fi
""",
        why="First the visitors, then the cause: the version of before is known to work.",
        hints=(
            "Do you need to know the cause, in order to end this?",
            "Which command of lab 07 takes a version back, and keeps the bot from it?",
            f'`lab rollback {APP} --reason "requests fail"`',
        ),
    ),
    Step(
        id="closed",
        title="Not a second time",
        kind="terminal",
        check=over.closed,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h -S'!={BAD}' -- automation/production/hello.yaml)" ]; then
  lab policy {APP} ">=1.0.0, !=1.3.0, !={BAD}" --reason "{BAD} fails under traffic" --no-wait
  kubectl wait imagepolicy/hello-production --namespace flux-system --timeout=60s \\
    --for=jsonpath='{{.status.latestRef.tag}}'={GOOD}
  lab automate {APP} --reason "the policy leaves {BAD} out"
fi
""",
        why="A pin is for tonight; what lasts is a rule that says which version is bad.",
        hints=(
            "What would the bot do, if you woke it up now?",
            "How does a range of versions say “this one not”? Lab 07 has it.",
            f'`lab policy {APP} ">=1.0.0, !=1.3.0, !={BAD}"`, then `lab automate {APP}`',
        ),
    ),
    Step(
        id="diverged",
        title="Somebody helps by hand",
        kind="terminal",
        check=over.diverged,
        solution=f"""\
kubectl scale deployment/{APP} --replicas=4 --namespace production
flux reconcile kustomization apps
""",
        why="A correction that nobody hears of is repeated every night.",
        hints=(
            "Which change of lab 08 was taken back, and within how many seconds?",
            "Is there an alert for that already? `grep alert: monitoring/rules/divergence.yml`",
            f"`kubectl scale deployment/{APP} --replicas=4 --namespace production`, then wait",
        ),
    ),
    Step(
        id="silenced",
        title="A silence",
        kind="terminal",
        check=over.silenced,
        solution=f"""\
lab silence {over.DRIFT} --for 1m --reason "It was me; Ana knows."
lab alerts
""",
        why="A silence has an end and a reason; who switches an alert off has neither.",
        hints=(
            "Who has to hear of it, once you know of it? And for how long not?",
            "What does `lab silence --help` want to know, besides the alert's name?",
            f'`lab silence {over.DRIFT} --for 10m --reason "It was me"`',
        ),
        stretch=True,
    ),
    Step(
        id="post-mortem",
        title="The post-mortem",
        kind="edit",
        check=report.post_mortem,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h -- {FOLDER})" ]; then
  lab history {APP} -n 8
  at() {{ git log -1 --format=%cd --date=format-local:%H:%M:%S "$1"; }}
  bad=$(git log --format=%H -S"hello:{BAD}" -- {HELLO} | tail -1)
  back=$(git log -1 --format=%H --grep='^Lab-Event: rollback' -- {HELLO})
  mkdir -p {FOLDER}
  cat > {FILE} <<END
# {APP} {BAD} failed under traffic

## What happened

- $(at "$bad")  ${{bad:0:7}}  the bot released {BAD}, which had passed its tests
- some forty seconds later more than one request in ten failed, and BudgetBurnsFast fired
- $(at "$back")  ${{back:0:7}}  rolled back to {GOOD}; a minute later the alert was over

## Cause

Each visit is put into a queue of 50 that is worked off at ten a second. At twenty requests a
second and pod it is full after some seconds, and whoever comes then gets an error.

## What we do about it

The policy leaves {BAD} out. The next version drops a visit that finds the queue full, and its
tests ask it more often than a person would.
END
  git add {FOLDER}
  git commit --quiet --message "Write down what happened with {APP} {BAD}"
  git push --quiet
  lab sync
fi
cat {FOLDER}/*
""",
        why="A night is worth what one learns from it; history has kept what memory has not.",
        hints=(
            f"Which commits of `lab history {APP}` does the story begin and end with?",
            "Would somebody who was not there know when, what, why, and what is different now?",
            f"{FILE} as in the text, with both commits' names and times; `git add {FOLDER}`, push.",
        ),
    ),
)
