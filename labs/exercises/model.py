"""The steps of lab `model`: the loop and the principles, on the reader's own commits."""

from __future__ import annotations

from labs.errors import LabError
from labs.exercises import model_checks as checks
from labs.exercises import model_proofs as proofs
from labs.exercises.evidence import HELLO
from labs.exercises.model_checks import FOLDER
from labs.gitops import sync
from labs.gitops.sync_text import text
from labs.instance import Instance
from labs.platform import app
from labs.step import Frame, Step
from labs.wait import NotYet


def loop_view(instance: Instance) -> Frame:
    """Show the newest commit's way, and how long it is to Flux's next poll."""
    try:
        return Frame(text(sync.look(instance, sync.newest(instance).sha)))
    except LabError as away:  # it may come back while one watches
        return Frame(str(away))


def page_view(instance: Instance) -> Frame:
    """Show what the app answers: no key is needed for that."""
    try:
        found = app.answer(instance)
    except NotYet as nothing:
        return Frame(str(nothing))
    words = f"{found['greeting']}   (colour {found['colour']}, version {found['version']})"
    return Frame(f"{app.address(instance)}\n  {words}\n  answered by {found['pod']}")


VIEWS = {"loop": loop_view, "page": page_view}

STEPS: tuple[Step, ...] = (
    Step(
        id="loop-time",
        title="From push to page",
        kind="predict",
        check=checks.loop_time,
        solution='lab.predict("loop-time", "about 15 s")',
        why="Whoever names a number looks more closely.",
    ),
    Step(
        id="loop",
        title="Once round the loop",
        kind="edit",
        check=checks.loop,
        solution=f"""\
git pull --quiet --rebase
sed -i '/name: COLOUR/{{n;s/value: .*/value: green/}}' {HELLO}
git diff --quiet || git commit --quiet --all --message "Paint production green"
git push --quiet
lab sync
""",
        why="The push is the last thing that you do; all after it is done by the agents.",
        hints=(
            "Which line below `COLOUR` would you change? Which colours may it have?",
            "Does `git status` say “ahead of origin”? What has to follow a commit?",
            f"`value: green` in {HELLO}; `git commit -am Paint`, `git push`, `lab sync`.",
        ),
    ),
    Step(
        id="function",
        title="The cluster as a function of the repository",
        kind="code",
        check=checks.function,
        solution=f'answer = len(lab.render("{FOLDER}"))\n',
        why="Rendering needs no cluster: the same files always give the same objects.",
        hints=(
            f"What does `kubectl kustomize {FOLDER}` print?",
            "Which line does every object have exactly once, at its left edge?",
            f'`answer = len(lab.render("{FOLDER}"))`',
        ),
    ),
    Step(
        id="reaction",
        title="Change the input, watch the reaction",
        kind="edit",
        check=checks.reaction,
        solution=f"""\
git pull --quiet --rebase
sed -i 's/^  replicas: .*/  replicas: 3/' {HELLO}
git diff --quiet || git commit --quiet --all --message "Run three pods"
git push --quiet
lab sync
""",
        why="Nobody says “start a pod”: a number changes, and the difference is worked out.",
        hints=(
            "What in the file says how many pods there are?",
            f"Which number has `git diff origin/main -- {HELLO}`: has it been pushed?",
            f"`replicas: 3` in {HELLO}; `git commit -am Three`, `git push`.",
        ),
    ),
    Step(
        id="revert",
        title="Bring an old state back",
        kind="terminal",
        check=checks.revert,
        solution=f"""\
git pull --quiet --rebase
if grep --quiet "replicas: 3" {HELLO}; then
  git revert --no-edit "$(git log -1 --format=%H --grep='^Run three pods')"
fi
git push --quiet
lab sync
""",
        why="A revert is a new commit with the old content: history keeps both, and who did what.",
        hints=(
            "Which commit is to be undone? `git log --oneline` names it.",
            "Which Git command makes a commit that is the opposite of another?",
            "`git revert --no-edit NAME` with the name of the commit, then `git push`.",
        ),
    ),
    Step(
        id="who-heals",
        title="A Deployment is deleted",
        kind="predict",
        check=proofs.healed_fact,
        solution='lab.predict("who-heals", "it comes back, Flux makes it again")',
        why="In lab 01 a pod came back; whether a Deployment does is another question.",
    ),
    Step(
        id="control-loop",
        title="The control loop",
        kind="terminal",
        check=proofs.healed,
        solution="""\
kubectl delete deployment hello --namespace production
kubectl events --namespace production --for deployment/hello || true
""",
        why="Kubernetes keeps a Deployment's pods; that there is a Deployment, Flux keeps.",
        hints=(
            "What did you delete in lab 01, and what is one level above it?",
            "Which Deployment is in the namespace? `kubectl get deployments -n production`.",
            "`kubectl delete deployment hello --namespace production`",
        ),
    ),
    Step(
        id="keyless",
        title="Deploy without a key",
        kind="terminal",
        check=proofs.keyless,
        solution=f"""\
lab keys hide
kubectl get pods --namespace production || echo "no key, no entry"
git pull --quiet --rebase
sed -i '/name: GREETING/{{n;s/value: .*/value: Look, no keys/}}' {HELLO}
git diff --quiet || git commit --quiet --all --message "Greet without a key"
git push --quiet
""",
        why="The agent pulls from inside; nothing outside needs the right to change the cluster.",
        hints=(
            "Which command of the lab hides the key? `lab keys --help` lists them.",
            "Did you push after you hid the key? Only such a commit is proof.",
            f"`lab keys hide`; a new greeting in {HELLO}; `git commit -am Keyless`, `git push`.",
        ),
    ),
    Step(
        id="keys-back",
        title="Put the key back",
        kind="terminal",
        check=proofs.keys_back,
        solution="lab keys back\nkubectl get pods --namespace production\n",
        why="You still want to look. Later labs look, too; they do not deploy with it.",
        hints=(
            "What does `kubectl get nodes` say at the moment?",
            "Which word after `lab keys` undoes `hide`?",
            "`lab keys back`",
        ),
    ),
    Step(
        id="stream",
        title="A stream of clusters",
        kind="code",
        check=checks.stream,
        solution="""\
def pods(revision):
    objects = lab.render("apps/production", revision)
    return next(found["spec"]["replicas"] for found in objects if found["kind"] == "Deployment")


answer = [pods(f"origin/main~{number}") for number in range(3)]
""",
        why="The same function, mapped over history: that is the reactive part, without the wait.",
        hints=(
            "What does `lab.render` do with a second argument?",
            "Which of the objects has a number of pods, and where in it?",
            'Of each `lab.render("apps/production", "origin/main~N")` the Deployment\'s replicas.',
        ),
        stretch=True,
    ),
    Step(
        id="second-source",
        title="A second repository",
        kind="terminal",
        check=proofs.second_source,
        solution="""\
lab repo create team
[ -d ../team-repo ] || git clone --quiet "$(lab repo url team)" ../team-repo
cat > ../team-repo/notice.yaml <<END
apiVersion: v1
kind: Namespace
metadata:
  name: team
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: notice
  namespace: team
data:
  text: This comes from another repository.
END
git -C ../team-repo add notice.yaml
git -C ../team-repo diff --cached --quiet || git -C ../team-repo commit --quiet -m "Put up a notice"
git -C ../team-repo push --quiet

git pull --quiet --rebase
folder=$(git ls-files 'clusters/*/flux-system/sync.yaml' | head -1 | cut -d/ -f1-2)
flux create source git team --url=http://git/team.git --branch=main --interval=10s \\
  --export > "$folder/team.yaml"
flux create kustomization team --source=GitRepository/team --path=./ --prune=true \\
  --interval=30s --export >> "$folder/team.yaml"
git add "$folder"
git diff --cached --quiet || git commit --quiet -m "Let the team's repository in"
git push --quiet
lab sync
""",
        why="Who may change what is decided by repositories: this team pushes to its own.",
        hints=(
            "Which two objects made Flux follow the config repo? `flux get all` shows them.",
            "What do `flux create source git` and `flux create kustomization` do with `--export`?",
            "Write what both print into one file beside `apps.yaml`; commit it, push it.",
        ),
        stretch=True,
    ),
)
