"""The steps of lab `drift`: changes by hand, what becomes of them, and a Flux that rests."""

from __future__ import annotations

from labs.exercises import drift_checks as checks
from labs.exercises import drift_commits as commits
from labs.exercises import drift_objects as objects
from labs.exercises.deploy_faults import FOLDER, KUSTOMIZATION
from labs.exercises.drift_commits import DIFFERS
from labs.exercises.drift_view import drift_view
from labs.exercises.evidence import HELLO
from labs.step import Step

VIEWS = {"drift": drift_view}
APPS_FILE = "$(git ls-files 'clusters/*/apps.yaml' | head -1)"
PODS = f"sed -n 's/^  replicas: *\\([0-9]*\\).*/\\1/p' {HELLO}"
"""Prints how many pods Git asks for."""

# What is done by hand is done again when a solution is run again, and undone again by Flux; what is
# done by a commit is found in the history, and left as it is.
STEPS: tuple[Step, ...] = (
    Step(
        id="scaled-guess",
        title="Five pods by hand",
        kind="predict",
        check=checks.scaled_fact,
        solution='lab.predict("scaled-guess", "two again, at once")',
        why="Whoever names a number looks at the clock.",
    ),
    Step(
        id="scaled",
        title="Scale by hand",
        kind="terminal",
        check=checks.scaled,
        solution=f"""\
git pull --quiet --rebase
kubectl scale deployment/hello --replicas=5 --namespace production
time kubectl wait deployment/hello --namespace production --timeout=60s \\
  --for=jsonpath='{{.spec.replicas}}'="$({PODS})"
""",
        why="Flux compares with Git at its interval, here 30 s, whether there is a commit or not.",
        hints=(
            "Which verb of kubectl changes a number of pods? `kubectl --help` lists them.",
            "Which namespace is the Deployment in? Without it kubectl looks into `default`.",
            "`kubectl scale deployment/hello --replicas=5 --namespace production`",
        ),
    ),
    Step(
        id="recorded",
        title="Where is that written down?",
        kind="code",
        check=checks.recorded,
        solution="""\
lab.sh("flux events --for Kustomization/apps")
answer = "Deployment/production/hello configured"
""",
        why="A correction has no commit: what is left of it is an event, and that for an hour.",
        hints=(
            "Which of Flux's objects applies production, and what events does it have?",
            "Which line names the Deployment, and which verb is behind it?",
            "`flux events --for Kustomization/apps`: `Deployment/…`, in quotes, with its verb.",
        ),
        stretch=True,
    ),
    Step(
        id="fields-guess",
        title="Three fields",
        kind="predict",
        check=checks.fields_fact,
        solution='lab.predict("fields-guess", "all three are taken back")',
        why="The rule is not “everything is undone”, and the difference matters.",
    ),
    Step(
        id="fields",
        title="Whose field is it?",
        kind="terminal",
        check=checks.fields,
        solution="""\
kubectl set env deployment/hello GREETING="Hello by hand" --namespace production
kubectl annotate deployment/hello touched-by=me --overwrite --namespace production
kubectl annotate deployment/hello on-call=ana --overwrite --namespace production \\
  --field-manager=night-shift
flux reconcile kustomization apps
kubectl get deployment hello --namespace production --output jsonpath='{.metadata.annotations}'
""",
        why="Each field has an owner; Flux answers for its own, and for what kubectl has added.",
        hints=(
            "Which of the three does Git say anything about?",
            "What does `kubectl get deployment hello -o yaml --show-managed-fields` list?",
            "The three commands of the text, then `flux reconcile kustomization apps`.",
        ),
    ),
    Step(
        id="owned",
        title="Who owns the number of pods?",
        kind="code",
        check=checks.owned,
        solution="""\
found = lab.cluster().get("apps/v1", "Deployment", "hello", "production")
entries = found["metadata"]["managedFields"]
owners = [e["manager"] for e in entries if "f:replicas" in e["fieldsV1"].get("f:spec", {})]
answer = owners[0]
""",
        why="The API server notes an owner for each field; who applies by force becomes it.",
        hints=(
            "Which part of an object says who wrote what? kubectl hides it unless it is asked.",
            "Below which manager is there `f:spec`, and in it `f:replicas`?",
            '`answer = "kustomize-controller"`',
        ),
        stretch=True,
    ),
    Step(
        id="objects",
        title="One object too few, one too many",
        kind="terminal",
        check=objects.objects,
        solution="""\
if ! kubectl get configmap stray --namespace production; then
  kubectl create configmap stray --from-literal=owner=nobody --namespace production
fi
kubectl delete service hello --namespace production
flux reconcile kustomization apps
kubectl get service,configmap --namespace production
flux tree kustomization apps
""",
        why="Flux keeps a list of what it has applied; an object outside of it is none of its own.",
        hints=(
            "Which of production's objects is in Git, and which would not be?",
            "Did Flux look since? `flux reconcile kustomization apps` has it look now.",
            "`kubectl create configmap stray -n production`, `kubectl delete service hello -n …`",
        ),
    ),
    Step(
        id="pruned",
        title="Taken out of Git",
        kind="edit",
        check=commits.pruned,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Put a notice into production')" ]; then
  cat > {FOLDER}/notice.yaml <<END
apiVersion: v1
kind: ConfigMap
metadata:
  name: notice
data:
  text: This one is in Git.
END
  sed -i 's|^resources:|&\\n  - notice.yaml|' {KUSTOMIZATION}
  git add {FOLDER}
  git commit --quiet --message "Put a notice into production"
  git push --quiet
  lab sync
  kubectl get configmaps --namespace production
fi
if grep --quiet notice.yaml {KUSTOMIZATION}; then
  git revert --no-edit "$(git log -1 --format=%H --grep='^Put a notice into production')"
  git push --quiet
  lab sync
fi
kubectl get configmaps --namespace production
""",
        why="What is on Flux's list, and in Git no more, Flux deletes: it has put it there.",
        hints=(
            f"Which file says which files of {FOLDER} are applied?",
            "Is the notice in the cluster? Which command of Git takes your commit back?",
            f"`notice.yaml` below `resources:` in {KUSTOMIZATION}; push; `git revert HEAD`; push.",
        ),
    ),
    Step(
        id="suspended",
        title="Tell Flux to rest, and say why",
        kind="edit",
        check=commits.suspended,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Suspend production')" ]; then
  sed -i '0,/^spec:$/s//spec:\\n  suspend: true/' "{APPS_FILE}"
  git diff
  git commit --quiet --all --message "Suspend production" \\
    --message "The database is being moved. Ask Ana; back at noon."
  git push --quiet
  flux reconcile kustomization cluster --with-source
  kubectl scale deployment/hello --replicas=5 --namespace production
  kubectl rollout status deployment/hello --namespace production --timeout=60s
fi
flux get kustomizations
""",
        why="A suspension in Git has an author, a time and a reason, and everybody can read it.",
        hints=(
            "Which file tells Flux to apply production? It is beside `flux-system/`.",
            "Does the commit's message say why? `git log -1` shows it.",
            "`  suspend: true` below `spec:` in `apps.yaml`; `git commit -am … -m …`, `git push`.",
        ),
    ),
    Step(
        id="differing",
        title="See what differs",
        kind="code",
        check=commits.differing,
        solution=f"""\
lab.sh("flux diff kustomization apps --path {FOLDER} --progress-bar=false || [ $? -eq 1 ]")
answer = "{DIFFERS}"
""",
        why="`flux diff` asks the API server what Flux would do, and does nothing.",
        hints=(
            "What did you change since Flux rests?",
            "What stands above `value change`? And which of the two is only a counter?",
            f'`answer = "{DIFFERS}"`',
        ),
    ),
    Step(
        id="resumed",
        title="Back to work",
        kind="terminal",
        check=commits.resumed,
        solution=f"""\
git pull --quiet --rebase
if grep --quiet '^  suspend: true' "{APPS_FILE}"; then
  git revert --no-edit "$(git log -1 --format=%H --grep='^Suspend production')"
  git push --quiet
  flux reconcile kustomization cluster --with-source
  flux reconcile kustomization apps
  lab sync
fi
flux get kustomizations
""",
        why="Nobody has to remember what was changed meanwhile: the difference is worked out.",
        hints=(
            "Which commit is to be undone? `git log --oneline -3` names it.",
            "Which command of Git makes a commit with the opposite content?",
            "`git revert --no-edit NAME`, then `git push`",
        ),
    ),
    Step(
        id="namespace-guess",
        title="A whole namespace is deleted",
        kind="predict",
        check=objects.namespace_fact,
        solution='lab.predict("namespace-guess", "the app comes back, the rest does not")',
        why="It is all there by now: say what happens before it does.",
    ),
    Step(
        id="namespace",
        title="Hands off",
        kind="terminal",
        check=objects.namespace,
        solution="""\
if ! kubectl get configmap stray --namespace default; then
  kubectl create configmap stray --from-literal=owner=nobody --namespace default
fi
flux reconcile kustomization apps  # the next look comes in 30 s: by then the namespace is gone
kubectl delete namespace production
kubectl wait deployment/hello --namespace production --for=create --timeout=120s
kubectl rollout status deployment/hello --namespace production --timeout=120s
kubectl get configmap stray --namespace default
""",
        why="What Git says is made again from nothing; what it does not say was only ever there.",
        hints=(
            "Which command made the Service go? What would it be for the namespace?",
            "What do you have to do after it? Really?",
            "`kubectl delete namespace production`",
        ),
    ),
)
