"""The steps of lab `monitoring`: Prometheus by a commit, taught by three more, and deleted."""

from __future__ import annotations

from labs.exercises import monitoring_checks as checks
from labs.exercises import monitoring_data as data
from labs.exercises import monitoring_server as server
from labs.exercises.monitoring_checks import REQUESTS
from labs.exercises.monitoring_evidence import SCRAPE, TESTS
from labs.gitops.monitoring.check import RULES
from labs.gitops.monitoring.dashboards import DASHBOARDS
from labs.gitops.monitoring.enforcing import SWITCH
from labs.step import Step

JOB = """\

  # Whether each pod is alive, as the kubelet finds when it asks.
  - job_name: probes
    scheme: https
    metrics_path: /metrics/probes
    authorization: *token
    tls_config: *kubelet
    kubernetes_sd_configs: *node
    relabel_configs: *named
"""
RULE = """\
# How often the kubelet asks pods whether they are alive, and what it hears.
groups:
  - name: probes
    rules:
      - record: namespace:probes:rate1m
        expr: sum by (namespace, result) (rate(prober_probe_total[1m]))
"""
TEST = """\
# What the rule makes of two made-up pods: one is asked every second, one every five.
rule_files:
  - ../probes.yml
evaluation_interval: 5s
tests:
  - name: two pods of one namespace
    interval: 10s
    input_series:
      - series: prober_probe_total{namespace="production", pod="a", result="successful"}
        values: 0+10x12
      - series: prober_probe_total{namespace="production", pod="b", result="successful"}
        values: 0+2x12
    promql_expr_test:
      - expr: namespace:probes:rate1m
        eval_time: 2m
        exp_samples:
          - labels: namespace:probes:rate1m{namespace="production", result="successful"}
            value: 1.2
"""
PANEL = """\
    {
      "id": 90,
      "type": "timeseries",
      "title": "Probes",
      "gridPos": { "h": 8, "w": 24, "x": 0, "y": 90 },
      "datasource": { "type": "prometheus", "uid": "${datasource}" },
      "targets": [
        {
          "refId": "A",
          "expr": "namespace:probes:rate1m{namespace=\\"$namespace\\"}",
          "legendFormat": "{{result}}"
        }
      ]
    },
"""
ASK = """\
lab.sh('''
query='sum(rate(hello_http_requests_total%5B1m%5D))%3E0'  # [, ] and > as a URL has them
services() { kubectl get --raw "/api/v1/namespaces/$1/services/$2"; }
for n in $(seq 300); do
  services production hello:80/proxy/api > /dev/null
  services monitoring "prometheus:9090/proxy/api/v1/query?query=$query" |
    grep --quiet --fixed-strings '"result":[]' || break
done
''')
"""
"""Asks the app until Prometheus has seen its counter grow, which takes two scrapes: `lab catchup`
runs no other cell of the notebook."""
BORN = """\
born() { date --date "$(kubectl get "$@" --output jsonpath='{.metadata.creationTimestamp}')" +%s; }
"""
"""Prints when an object was made: a solution that is run again deletes nothing a second time."""

# A solution is run again when all is done, in a later lab too: then it finds its own commit in the
# history, or what it has deleted made anew, and leaves everything as it is.
STEPS: tuple[Step, ...] = (
    Step(
        id="monitoring-files",
        title="Prometheus from a commit",
        kind="terminal",
        check=checks.brought,
        solution="""\
git pull --quiet --rebase
lab monitoring files
git add --all
git diff --cached --stat
git diff --cached --quiet || git commit --quiet --message "Watch the cluster"
git push --quiet
lab sync
kubectl get pods --namespace monitoring
""",
        why="What somebody has installed by hand, nobody can install again: least of all at night.",
        hints=(
            "What does `lab monitoring files` say that it has done, and what has it not done?",
            "Which file tells Flux to apply a folder? What does `git status` say of it?",
            "`lab monitoring files`, `git add --all`, `git commit -m Watch`, `git push`.",
        ),
    ),
    Step(
        id="first-query",
        title="Ask for a rate",
        kind="code",
        check=checks.requests,
        solution=f'{ASK}answer = "{REQUESTS}"\n',
        why="A counter's value says when its pod was started; its rate says what goes on now.",
        hints=(
            "Is a counter's value of any use? What is it that you want to know of it?",
            "How many series does `rate(…)` give, and which function makes one of them?",
            f"`{REQUESTS}`, in quotes",
        ),
    ),
    Step(
        id="scrape-target",
        title="One more target",
        kind="edit",
        check=checks.scraped,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Scrape what the kubelet finds')" ]; then
  cat >> {SCRAPE} <<'END'
{JOB}END
  lab lint
  git diff
  git commit --quiet --all --message "Scrape what the kubelet finds when it asks pods"
  git push --quiet
  lab sync
fi
""",
        why="What is scraped is a list in a file; who wants to know since when asks `git log`.",
        hints=(
            "Which list of the file names the jobs, and how far is each of them indented?",
            "Has Prometheus read it? What does `%promql up` say of the new job?",
            f"The job of the text at the end of {SCRAPE}; `git commit -am Scrape`, `git push`.",
        ),
    ),
    Step(
        id="recording-rule",
        title="A rule, with its test",
        kind="edit",
        check=checks.recorded,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Record how often pods are asked')" ]; then
  cat > {RULES}/probes.yml <<'END'
{RULE}END
  cat > {TESTS}/probes.yml <<'END'
{TEST}END
  sed -i 's|^    files:|&\\n      - probes.yml|' {RULES}/kustomization.yaml
  promtool test rules {TESTS}/probes.yml
  lab lint
  git add {RULES}
  git commit --quiet --message "Record how often pods are asked, and what they say"
  git push --quiet
  lab sync
fi
""",
        why="A rule is a program: one that nobody has tried says nothing on the day it is needed.",
        hints=(
            "Which three files are it? What does `lab lint` say of a rule that no list names?",
            "Would the test fail if the rule were wrong? Try it: change a number in it.",
            f"The files of the text, `- probes.yml` in {RULES}/kustomization.yaml; commit, push.",
        ),
    ),
    Step(
        id="panel",
        title="A panel",
        kind="edit",
        check=server.drawn,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h --grep='^Show how often pods are asked')" ]; then
  sed -i '/^  "panels": \\[/r /dev/stdin' {DASHBOARDS}/app.json <<'END'
{PANEL}END
  lab lint
  git commit --quiet --all --message "Show how often pods are asked"
  git push --quiet
  lab sync
fi
""",
        why="A dashboard that was clicked together belongs to who clicked it, for as long.",
        hints=(
            "Which list of the file holds the panels, and what parts two of them?",
            "What does `lab lint` say of the file? Is there a comma too many, or one too few?",
            f'The panel of the text below `"panels": [` in {DASHBOARDS}/app.json; commit, push.',
        ),
    ),
    Step(
        id="enforced",
        title="The Git server judges",
        kind="edit",
        check=server.enforced,
        solution=f"""\
git pull --quiet --rebase
if [ -z "$(git log --format=%h -- {SWITCH})" ]; then
  echo "monitoring: enforced" > {SWITCH}
  git add {SWITCH}
  git commit --quiet --message "Have the Git server judge monitoring"
  git push --quiet
  # and what that is worth: a parenthesis too many
  sed -i 's|expr: sum by|expr: (sum by|' {RULES}/probes.yml
  git commit --quiet --all --message "Break the rule"
  git push || git reset --quiet --keep origin/main
  lab sync
fi
""",
        why="What a person may forget, a server does not; and who switched it on is in Git.",
        hints=(
            "Where does the file have to be? What does `docs/git-server.md` say that it holds?",
            "What does the server say to a rule with a parenthesis too many?",
            f"`monitoring: enforced` in {SWITCH}; `git add {SWITCH}`, commit, push.",
        ),
    ),
    Step(
        id="pod-guess",
        title="Prometheus' pod is deleted",
        kind="predict",
        check=data.pod_fact,
        solution='lab.predict("pod-guess", "it starts anew, with an empty memory")',
        why="Whoever knows where a program's memory is knows what its end costs.",
    ),
    Step(
        id="pod-deleted",
        title="Delete the pod",
        kind="terminal",
        check=data.pod_deleted,
        solution=f"""\
{BORN}
pod=$(kubectl get pods --selector app.kubernetes.io/name=prometheus --namespace monitoring \\
  --output jsonpath='{{.items[0].metadata.name}}')
made=$(born deployment prometheus --namespace monitoring)
if [ $(($(born pod "$pod" --namespace monitoring) - made)) -lt 20 ]; then
  kubectl delete pod "$pod" --namespace monitoring
fi
kubectl rollout status deployment/prometheus --namespace monitoring --timeout=120s
""",
        why="A pod is replaced like a light bulb; what is to outlast it lies on a volume.",
        hints=(
            "Which command lists the pods of the namespace monitoring?",
            "How did you delete CoreDNS's pod in lab 01, and who brought it back?",
            "`kubectl delete pod --selector app.kubernetes.io/name=prometheus -n monitoring`",
        ),
    ),
    Step(
        id="data-guess",
        title="And now all of it",
        kind="predict",
        check=data.data_fact,
        solution='lab.predict("data-guess", "it comes back as it was")',
        why="Git is the truth of what shall be; of what has been it knows nothing.",
    ),
    Step(
        id="data-lost",
        title="Delete Prometheus",
        kind="terminal",
        check=data.data_lost,
        solution=f"""\
{BORN}
made=$(born namespace monitoring)
if [ $(($(born pvc prometheus-data --namespace monitoring) - made)) -lt 20 ]; then
  kubectl delete deployment prometheus --namespace monitoring
  kubectl delete configmap prometheus-config prometheus-rules --namespace monitoring
  kubectl delete pvc prometheus-data --namespace monitoring
  flux reconcile kustomization monitoring
fi
kubectl rollout status deployment/prometheus --namespace monitoring --timeout=120s
""",
        why="What is written comes back; what was measured was in one place, and that is gone.",
        hints=(
            "Which objects are Prometheus? `flux tree kustomization monitoring` lists them.",
            "Which of them holds the samples, and is it still in use while the pod is there?",
            "`kubectl delete deployment/prometheus pvc/prometheus-data -n monitoring`",
        ),
    ),
)
