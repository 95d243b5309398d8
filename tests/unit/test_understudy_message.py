"""Commit messages, and which templates are refused."""

from __future__ import annotations

import pytest

from labs.understudy.message import DEFAULT, Data, UnsupportedTemplate, read
from labs.understudy.setters import Change

DATA = Data(
    "flux-system",
    "hello-production",
    {"app": "hello", "environment": "production"},
    [Change("hello:1.1.0", "hello:1.2.0", "s"), Change("hello:1.1.0", "hello:1.2.0", "s"),
     Change("1.1.0", "1.2.0", "s:tag")],
)  # fmt: skip


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", DEFAULT),
        ("plain\n", "plain\n"),
        ("{{ .Values.app }} in {{.Values.environment}}", "hello in production"),
        ("{{ .Values.nobody }}", "<no value>"),
        ("{{ .AutomationObject }}", "flux-system/hello-production"),
        ("{{ .AutomationObject.Name }}.{{ .AutomationObject.Namespace }}",
         "hello-production.flux-system"),
        ("a:{{ range .Changed.Changes }} {{ .OldValue }} -> {{ .NewValue }};{{ end }} b",
         "a: hello:1.1.0 -> hello:1.2.0; 1.1.0 -> 1.2.0; b"),
        ("x\n{{ range .Changed.Changes -}}\n- {{ .Setter }}\n{{ end -}}\ny", "x\n- s\n- s:tag\ny"),
        ("a  {{- range .Changed.Changes }}|{{ end }}", "a||"),
        ("a {{- .Values.app -}} b", "ahellob"),
        ("{{range .Changed.Changes}}x{{end}}{{range .Changed.Changes}}y{{end}}", "xxyy"),
        ("{ not {one} }", "{ not {one} }"),
    ],
)  # fmt: skip
def test_a_message(template: str, message: str) -> None:
    assert read(template).render(DATA) == message


@pytest.mark.parametrize(
    "template",
    [
        "{{ .Updated }}",
        "{{ .Changed }}",
        "{{ range $a, $b := .Changed.Objects }}{{ end }}",
        "{{ .Values.app | upper }}",
        '{{ index .Values "app" }}',
        "{{ if .Values.app }}x{{ end }}",
        "{{ range .Changed.Changes }}{{ .Values.app }}{{ end }}",
        "{{ range .Changed.Changes }}{{ range .Changed.Changes }}{{ end }}{{ end }}",
        "{{ range .Changed.Changes }}",
        "{{ .OldValue }}",
        "{{ end }}",
        "{{/* a comment */}}",
        "{{ .Values.app",
        "{{ . }}",
    ],
)
def test_anything_else_is_refused(template: str) -> None:
    with pytest.raises(UnsupportedTemplate, match="unsupported"):
        read(template)
