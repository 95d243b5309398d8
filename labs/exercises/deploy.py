"""The steps of lab `deploy`: a release by hand, one by command, a lost race, two faults mended."""

from __future__ import annotations

from labs.exercises import deploy_checks as checks
from labs.exercises import deploy_faults as faults
from labs.exercises.deploy_checks import APP, FIRST, SECOND
from labs.exercises.deploy_faults import KUSTOMIZATION, WRONG
from labs.exercises.evidence import HELLO
from labs.step import Step

# A solution is run again when all is done, in a later lab too: then it finds its own commit in the
# history, and leaves everything as it is.
STEPS: tuple[Step, ...] = (
    Step(
        id="origin",
        title="From a version to its commit",
        kind="code",
        check=checks.origin,
        solution=f"""\
import re
import subprocess

script = '''
built=$(lab images {APP})
for version in {FIRST} {SECOND}; do
  grep --quiet -F " $version " <<<"$built" || lab app commit "$version" --wait
done
lab images {APP}
'''
printed = subprocess.check_output(["bash", "-euc", script], text=True)
row = next(line for line in printed.splitlines() if " {SECOND} " in line)
answer = re.search(r"\\b[0-9a-f]{{7,40}}\\b", row)[0]
""",
        why="The label is part of the image: whoever has the one can name the other.",
        hints=(
            f"Which columns does `lab images {APP}` have?",
            "Is it the commit of the config repo or of the app repo that the code is in?",
            f"The name in the row of {SECOND} of `lab images {APP}`, in quotes.",
        ),
    ),
    Step(
        id="by-hand",
        title="Release by hand",
        kind="edit",
        check=checks.by_hand,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Release hello {FIRST} by hand')" ]; then
  sed -i 's|\\(image: registry:5000/hello\\):[^ ]*|\\1:{FIRST}|' {HELLO}
  git diff
  git commit --quiet --all --message "Release hello {FIRST} by hand"
  git push --quiet
  lab sync
fi
""",
        why="One line of one file is the whole release; the rest is done by who reads it.",
        hints=(
            f"Which line of {HELLO} says which image runs?",
            "What does `git status` say: changed, or ahead of origin? What has to follow?",
            f"`image: registry:5000/hello:{FIRST}`; `git commit -am Release`, `git push`.",
        ),
    ),
    Step(
        id="same-change",
        title="What will the command change?",
        kind="predict",
        check=checks.same_change,
        solution='lab.predict("same-change", "a few more lines than I did")',
        why="Who compares two diffs knows what the command is worth.",
    ),
    Step(
        id="by-command",
        title="Release by command",
        kind="terminal",
        check=checks.by_command,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Lab-Version: {SECOND}')" ]; then
  lab release {APP} {SECOND} --dry-run
  lab release {APP} {SECOND} --reason "a greeting of our own"
fi
""",
        why="The command edits, commits, pushes and waits; it can do nothing that you cannot.",
        hints=(
            "Which command has the words release, app and version? `lab --help` lists it.",
            "What does it show with `--dry-run`, and is it what you want?",
            f"`lab release {APP} {SECOND}`",
        ),
    ),
    Step(
        id="lost-race",
        title="Somebody was faster",
        kind="terminal",
        check=checks.lost_race,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Greet from two desks')" ]; then
  sed -i '/name: GREETING/{{n;s/value: .*/value: Hello from two desks/}}' {HELLO}
  git commit --quiet --all --message "Greet from two desks"
  lab release {APP} {FIRST} --as instructor --reason "back to be on the safe side" --no-wait
  git push || echo "refused, as it should be"
  git pull --rebase
  git push
  lab sync
fi
""",
        why="A push that would drop somebody's commit is refused; a rebase puts yours on top.",
        hints=(
            "Why would the server refuse a push that does not know the newest commit?",
            "Which Git command fetches what is new, and puts your commit on top of it?",
            "`git pull --rebase`, then `git push` again",
        ),
    ),
    Step(
        id="broken-path-guess",
        title="A file that is not there",
        kind="predict",
        check=faults.broken_path_fact,
        solution='lab.predict("broken-path-guess", "half of it is applied, the page is gone")',
        why="What a fault does is best asked before it is Friday evening.",
    ),
    Step(
        id="broken-path",
        title="Break the path",
        kind="edit",
        check=faults.broken_path,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Put up a banner')" ]; then
  sed -i 's|^resources:|&\\n  - banner.yaml|' {KUSTOMIZATION}
  git commit --quiet --all --message "Put up a banner"
  git push --quiet
  lab sync || true
  flux get kustomizations
fi
""",
        why="A commit that cannot be built is not applied at all, so there is no half of it.",
        hints=(
            f"Which list of {KUSTOMIZATION} names the files that are applied?",
            "Has the server got it? `git status` says whether you are ahead of origin.",
            f"`  - banner.yaml` below `resources:` in {KUSTOMIZATION}; commit, push.",
        ),
    ),
    Step(
        id="mend-path",
        title="Mend the path",
        kind="edit",
        check=faults.mended_path,
        solution=f"""\
git pull --quiet --rebase
if grep --quiet banner.yaml {KUSTOMIZATION}; then
  sed -i '/banner.yaml/d' {KUSTOMIZATION}
  git commit --quiet --all --message "Take the banner down, it was never written"
  git push --quiet
  lab sync
fi
""",
        why="Forward or back, a cure is a commit; nobody has to touch the cluster for it.",
        hints=(
            "Which line did the message name, and who needs it?",
            "Would `git revert` do, or is there something else in that commit?",
            f"Take the line out of {KUSTOMIZATION}; `git commit -am Mend`, `git push`.",
        ),
    ),
    Step(
        id="wrong-tag-guess",
        title="A version that nobody built",
        kind="predict",
        check=faults.wrong_tag_fact,
        solution='lab.predict("wrong-tag-guess", "Flux refuses this one, too")',
        why="This fault is found elsewhere, and later: where, tells who checks what.",
    ),
    Step(
        id="wrong-tag",
        title="Ask for a wrong version",
        kind="edit",
        check=faults.wrong_tag,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Release hello {WRONG}')" ]; then
  lab release {APP} {WRONG} || echo "the command looks into the registry first; Git does not"
  sed -i 's|\\(image: registry:5000/hello\\):[^ ]*|\\1:{WRONG}|' {HELLO}
  git commit --quiet --all --message "Release hello {WRONG}"
  git push --quiet
  kubectl get pods --namespace production
fi
""",
        why="To Flux a version is a word like any other; only the node finds out that it is wrong.",
        hints=(
            "What would a hurried hand write in place of 1.1.0?",
            f"Has the server got it? `git diff origin/main -- {HELLO}` shows what it lacks.",
            f"`image: registry:5000/hello:{WRONG}` in {HELLO}; `git commit -am Wrong`, `git push`.",
        ),
    ),
    Step(
        id="mend-tag",
        title="Take it back",
        kind="terminal",
        check=faults.mended_tag,
        solution=f"""\
git pull --quiet --rebase
if grep --quiet "hello:{WRONG}" {HELLO}; then
  git revert --no-edit "$(git log -1 --format=%H --grep='^Release hello {WRONG}')"
  git push --quiet
  lab sync
fi
""",
        why="The old pods never went, so taking it back is over as soon as Flux has read it.",
        hints=(
            "Which commit is to be undone? `git log --oneline` names it.",
            "Which command of Git makes a commit with the opposite content?",
            "`git revert --no-edit HEAD`, then `git push`",
        ),
    ),
    Step(
        id="hand-made",
        title="Releases without a trailer",
        kind="code",
        check=checks.hand_made,
        solution=f"""\
import subprocess

script = '''
git -C ../config-repo pull --quiet --rebase
git -C ../config-repo log --format=%h --invert-grep --grep=Lab-Event -G'image:' -- {HELLO}
'''
answer = subprocess.check_output(["bash", "-euc", script], text=True).split()[0]
""",
        why="A message can be forgotten, or lie; the diff cannot.",
        hints=(
            "Which of the releases did you make with an editor?",
            "What does `git show NAME` have at the end of the message, and what has it not?",
            "The name in the first column of `git log --oneline --invert-grep --grep=Lab-Event`.",
        ),
        stretch=True,
    ),
)
