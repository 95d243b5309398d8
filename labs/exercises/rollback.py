"""The steps of lab `rollback`: a bad version undone for good, and a lock that holds."""

from __future__ import annotations

from labs.exercises import rollback_checks as checks
from labs.exercises import rollback_lock as lock
from labs.exercises.evidence import HELLO
from labs.exercises.releases import APP, AUTOMATION, BAD, GOOD, POLICY
from labs.step import Step

RUNS = "'{.spec.template.spec.containers[0].image}'"
"""Where a Deployment says which image it runs, for `kubectl wait --for=jsonpath=…`."""

# A solution is run again when all is done, in a later lab too: then it finds its own commit in the
# history, and leaves everything as it is.
STEPS: tuple[Step, ...] = (
    Step(
        id="who-did-it",
        title="Who put it there?",
        kind="code",
        check=checks.who,
        solution=f"""\
import subprocess

script = '''
git -C ../config-repo pull --quiet --rebase
git -C ../config-repo log -1 --author=flux --format=%h -S"hello:{BAD}" -- {HELLO}
'''
answer = subprocess.check_output(["bash", "-euc", script], text=True).strip()
""",
        why="A bot's commit has an author and a message like any other, so one can ask it why.",
        hints=(
            f"Which commit was the last to touch {HELLO}? `git pull` first.",
            "Whose name does `git log` show as its author?",
            f"`git log -1 --author=flux --format=%h -- {HELLO}` prints what to put there.",
        ),
    ),
    Step(
        id="revert-guess",
        title="A plain revert",
        kind="predict",
        check=checks.revert_fact,
        solution=f'lab.predict("revert-guess", "{GOOD} runs again, and the matter is over")',
        why="In lab 03 a revert was all that was needed. What is different now?",
    ),
    Step(
        id="plain-revert",
        title="Revert the bot's commit",
        kind="terminal",
        check=checks.plain_revert,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Revert \\"Release hello to production')" ]; then
  git revert --no-edit "$(git log -1 --author=flux --format=%H -S"hello:{BAD}" -- {HELLO})"
  git push --quiet
fi
""",
        why="The bot does not remember; it compares, and its policy still says the newest version.",
        hints=(
            "Which command of Git makes a commit with the opposite content?",
            "Has the server got it? `git status` says whether you are ahead of origin.",
            "`git revert --no-edit NAME` with the name that you found, then `git push`.",
        ),
    ),
    Step(
        id="safe-by-hand",
        title="Roll back and pin, by hand",
        kind="edit",
        check=checks.safe_by_hand,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Roll hello back by hand')" ]; then
  sed -i 's|\\(image: registry:5000/hello\\):[^ ]*|\\1:{GOOD}|' {HELLO}
  sed -i 's|suspend: false|suspend: true|' {AUTOMATION}
  git diff
  git commit --quiet --all --message "Roll hello back by hand, and pin it"
  git push --quiet
  lab sync
fi
""",
        why="Both in one commit: between two commits there is a moment in which the bot is free.",
        hints=(
            f"Which object of {AUTOMATION} is the bot, and which of its fields puts it to rest?",
            "How many files does `git diff --stat` name, and how many commits will it be?",
            f"`:{GOOD}` in {HELLO} and `suspend: true` in {AUTOMATION}; `git commit -am …`, push.",
        ),
    ),
    Step(
        id="safe-by-command",
        title="Roll back and pin, by command",
        kind="terminal",
        check=checks.safe_by_command,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Lab-Event: rollback')" ]; then
  lab automate {APP} --reason "is it better by now?" --no-wait
  kubectl wait deployment/hello --namespace production --timeout=120s \\
    --for=jsonpath={RUNS}=registry:5000/hello:{BAD}
  lab rollback {APP} --reason "the page is broken again"
fi
""",
        why="The command finds the version before in history, and pins in the same commit.",
        hints=(
            f"Is {BAD} running at the moment? Who would bring it back, once it may?",
            "Which command undoes a release, and what does it want to know besides the app?",
            f'`lab automate {APP}`, wait for {BAD}, then `lab rollback {APP} --reason "broken"`.',
        ),
    ),
    Step(
        id="lock-by-hand",
        title="Lock it",
        kind="edit",
        check=lock.locked,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h -S'gitops-hackfest/locked-by' -- {HELLO})" ]; then
  sed -i '0,/^  name: hello$/s//&\\
  annotations:\\
    gitops-hackfest\\/locked-by: attendee\\
    gitops-hackfest\\/lock-reason: until the talk is over/' {HELLO}
  git diff
  git commit --quiet --all --message "Lock hello until the talk is over"
  git push --quiet
fi
""",
        why="A lock in Git has an author and a reason, and everybody who pulls knows of it.",
        hints=(
            "Where do the notes about an object go, that are no part of its specification?",
            "Are both lines below the first `metadata:` of the file, four spaces in?",
            "Below `name: hello`: `annotations:`, and in it the two lines of the text above.",
        ),
    ),
    Step(
        id="ways-guess",
        title="Which way leads past it?",
        kind="predict",
        check=lock.holds_fact,
        solution='lab.predict("ways-guess", "kubectl: it does not ask Git")',
        why="A lock is worth as much as its weakest way in.",
    ),
    Step(
        id="lock-holds",
        title="Try every way in",
        kind="terminal",
        check=lock.holds,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Greet from behind the lock')" ]; then
  # plain Git
  sed -i 's|\\(image: registry:5000/hello\\):[^ ]*|\\1:1.1.0|' {HELLO}
  git commit --quiet --all --message "Sneak past the lock"
  git push || git reset --quiet --keep origin/main
  # the command
  lab release {APP} 1.1.0 || echo "refused as well"
  # the cluster itself: Flux takes it back, at the latest after 30 s
  kubectl set image deployment/hello hello=registry:5000/hello:1.1.0 --namespace production
  flux reconcile kustomization apps
  kubectl wait deployment/hello --namespace production --timeout=60s \\
    --for=jsonpath={RUNS}=registry:5000/hello:{GOOD}
  # the bot, woken up again
  sed -i 's|suspend: true|suspend: false|' {AUTOMATION}
  git commit --quiet --all --message "Wake the bot up"
  # and something else, which nobody has locked
  sed -i '/name: GREETING/{{n;s/value: .*/value: Hello from behind the lock/}}' {HELLO}
  git commit --quiet --all --message "Greet from behind the lock"
  git push --quiet
fi
""",
        why="The server judges what a commit changes, whoever made it and with whatever tool.",
        hints=(
            "What does the server say to a plain `git push` of another version?",
            f"Which line of {HELLO} has nothing to do with the version?",
            f"A new value below `GREETING` in {HELLO}; `git commit -am Greet`, `git push`.",
        ),
    ),
    Step(
        id="way-out",
        title="The way out",
        kind="terminal",
        check=checks.way_out,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h -S'!={BAD}' -- {AUTOMATION})" ]; then
  lab policy {APP} ">=1.0.0, !={BAD}" --reason "{BAD} breaks the page"
  kubectl wait imagepolicy/{POLICY} --namespace flux-system --timeout=60s \\
    --for=jsonpath='{{.status.latestRef.tag}}'={GOOD}
  lab unlock {APP} --reason "the talk is over" --no-wait
  if grep --quiet 'suspend: true' {AUTOMATION}; then
    lab automate {APP} --reason "the policy leaves {BAD} out" --no-wait
  fi
fi
""",
        why="First the reason goes away, then the pin: the other way round the bot is faster.",
        hints=(
            "Which of policy, lock and pin has to be changed first, if the bot is quick?",
            "How does a range of versions say “this one not”? The text above has it.",
            f'`lab policy {APP} ">=1.0.0, !={BAD}"`, `lab unlock {APP}`, `lab automate {APP}`',
        ),
    ),
    Step(
        id="override",
        title="An override leaves a trace",
        kind="terminal",
        check=lock.overridden,
        solution=f"""\
git pull --quiet --rebase
git fetch --quiet origin '+refs/notes/*:refs/notes/*'
if ! git log --notes=overrides --format=%N | grep "the customer waits" >/dev/null; then
  lab lock {APP} --reason "nobody touches it over lunch" --no-wait
  lab release {APP} 1.1.0 --as instructor --override "the customer waits" --no-wait
  lab unlock {APP} --reason "lunch is over" --no-wait
  lab automate {APP} --reason "and the newest good version again" --no-wait
  kubectl wait deployment/hello --namespace production --timeout=120s \\
    --for=jsonpath={RUNS}=registry:5000/hello:{GOOD}
fi
""",
        why="Who may break the rule is known beforehand; that it was broken stays known after.",
        hints=(
            "Whose credentials may override a lock, and what do they have to give?",
            f"What does `lab release --help` say of `--as` and of `--override`? Is {APP} locked?",
            f'`lab lock {APP} …`; `lab release {APP} 1.1.0 --as instructor --override "urgent"`.',
        ),
        stretch=True,
    ),
)
