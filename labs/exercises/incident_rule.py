"""The alert that lab `incident` is about, and its test, as its solution writes them."""

RULE = """\
# The nervous one: at ten times what is allowed, a month's budget of errors is gone in three days.
groups:
  - name: burn
    rules:
      - alert: BudgetBurnsFast
        expr: app:http_errors:ratio_rate1m > 10 * 0.01
        for: 10s
        labels:
          severity: page
        annotations:
          summary: "{{ $labels.app }} fails {{ $value | humanizePercentage }} of its requests"
          command: lab history {{ $labels.app }}
"""
TEST = """\
# A quarter of the requests fails, for two minutes: before, meanwhile, and after.
rule_files:
  - ../app.yml # computes what the alert looks at
  - ../burn.yml
evaluation_interval: 5s
tests:
  - name: a quarter of the requests fails for two minutes
    interval: 5s
    input_series:
      - series: hello_http_requests_total{namespace="production", app="hello"}
        values: 0+40x72
      - series: hello_http_errors_total{namespace="production", app="hello"}
        values: 0x24 0+10x24 240x24
    alert_rule_test:
      - alertname: BudgetBurnsFast # all is well
        eval_time: 1m
      - alertname: BudgetBurnsFast
        eval_time: 4m
        exp_alerts:
          - exp_labels: { severity: page, namespace: production, app: hello }
            exp_annotations:
              summary: hello fails 25% of its requests
              command: lab history hello
      - alertname: BudgetBurnsFast # a minute after the last error
        eval_time: 5m30s
"""
