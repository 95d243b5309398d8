"""What of Flux's API is covered. A spec with anything else is refused, never half obeyed.

docs/understudy.md says the same in words; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from labs.understudy.api_server import Object
from labs.understudy.objects import Stalled

Values: TypeAlias = frozenset[str]
ANY: Values = frozenset()
"""Any value, and whatever is below it."""
Fields: TypeAlias = Mapping[str, Any]
"""Field to: ANY, the values that it may have, or the fields below it."""


def only(*values: str) -> Values:
    """Return the values that a field may have."""
    return frozenset(values)


COVERED: Mapping[str, Fields] = {
    "ImageRepository": {
        "image": ANY,
        "interval": ANY,
        "timeout": ANY,
        "exclusionList": ANY,
        "insecure": ANY,
        "suspend": ANY,
        "provider": only("generic"),
    },
    "ImagePolicy": {
        "imageRepositoryRef": {"name": ANY},
        "policy": {
            "semver": {"range": ANY},
            "alphabetical": {"order": only("asc", "desc")},
            "numerical": {"order": only("asc", "desc")},
        },
        "filterTags": {"pattern": ANY, "extract": ANY},
        "digestReflectionPolicy": only("Never", "IfNotPresent", "Always"),
        "interval": ANY,
        "suspend": ANY,
    },
    "ImageUpdateAutomation": {
        "sourceRef": {
            "apiVersion": only("source.toolkit.fluxcd.io/v1"),
            "kind": only("GitRepository"),
            "name": ANY,
        },
        "interval": ANY,
        "policySelector": {"matchLabels": ANY, "matchExpressions": ANY},
        "update": {"strategy": only("Setters"), "path": ANY},
        "git": {
            "checkout": {"ref": {"branch": ANY}},
            "commit": {
                "author": {"name": ANY, "email": ANY},
                "messageTemplate": ANY,
                "messageTemplateValues": ANY,
            },
            "push": {"branch": ANY},
        },
        "suspend": ANY,
    },
    "Receiver": {
        "type": only("generic-hmac"),
        "interval": ANY,
        "resources": {
            "apiVersion": only("source.toolkit.fluxcd.io/v1", "image.toolkit.fluxcd.io/v1"),
            "kind": only("GitRepository", "ImageRepository"),
            "name": ANY,
        },
        "secretRef": {"name": ANY},
        "suspend": ANY,
    },
    # Of the source that an ImageUpdateAutomation writes to; source-controller obeys all of it.
    "GitRepository": {
        "url": ANY,
        "ref": {"branch": ANY},
        "secretRef": {"name": ANY},
        "timeout": ANY,
        "interval": ANY,
        "suspend": ANY,
        "provider": only("generic"),
        # These say what source-controller makes of the repository. To write to it is the same.
        "ignore": ANY,
        "include": ANY,
        "recurseSubmodules": ANY,
        "sparseCheckout": ANY,
        "verify": ANY,
    },
}


def require_covered(found: Object) -> None:
    """Raise Stalled for an object whose spec holds what is not covered."""
    beyond = uncovered(found["spec"], COVERED[found["kind"]])
    if beyond:
        raise Stalled(
            "Unsupported",
            f"unsupported by the lab's stand-in for Flux's controller: {', '.join(beyond)}",
        )


def uncovered(spec: Mapping[str, Any], fields: Fields, where: str = "spec") -> list[str]:
    """Return the paths of what is beyond the fields; empty values ask for nothing."""
    beyond: list[str] = []
    for name, value in spec.items():
        path = f"{where}.{name}"
        if not value and type(value) is not int:
            continue
        known = fields.get(name)
        if known is None:
            beyond.append(path)
        elif isinstance(known, Mapping):
            for item in value if isinstance(value, list) else [value]:
                beyond += uncovered(item, known, path)
        elif known and str(value) not in known:
            beyond.append(f"{path}: {value}")
    return beyond
