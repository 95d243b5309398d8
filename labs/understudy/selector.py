"""Label selectors, as `spec.policySelector` has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class BadSelector(ValueError):
    """A selector that says nothing that could be judged."""


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Return whether labels fit a selector; none, and an empty one, fit all. Raises BadSelector."""
    if not selector:
        return True
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    judged = [_holds(expression, labels) for expression in expressions]
    return all(labels.get(key) == value for key, value in wanted.items()) and all(judged)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    values = expression.get("values") or []
    if bool(values) != (operator in ("In", "NotIn")):
        raise BadSelector(f"invalid selector: {operator} with the values {values}")
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            raise BadSelector(f'invalid selector: "{operator}" is not a valid label operator')
