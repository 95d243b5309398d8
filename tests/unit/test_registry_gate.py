"""The registry's gate: who gets which token, and which tags stay."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml

from labs.instance import PROJECT

FOLDER = PROJECT / "scripts/images/registry-gate"


def load(name: str) -> ModuleType:
    """Import one of the gate's programs, which are no package here."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tokens, manifests, keys = load("issue_token"), load("put_manifest"), load("make_key")
metrics = load("metrics")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("user", ["", "attendee", "flux", "ci", "instructor"])
def test_everybody_reads(user: str) -> None:
    assert tokens.grants(["repository:hello:pull", "registry:catalog:*"], user) == [
        {"type": "repository", "name": "hello", "actions": ["pull"]},
        {"type": "registry", "name": "catalog", "actions": ["*"]},
    ]


@pytest.mark.parametrize("scope", ["repository:a/b:push", "repository:a/b:pull,push"])
def test_writers_write_and_always_read_as_well(scope: str) -> None:
    for user in ("ci", "instructor"):
        assert tokens.grants([scope], user)[0]["actions"] == ["pull", "push"]
    for user, status in (("", "401 Unauthorized"), ("attendee", "403 Forbidden")):
        with pytest.raises(tokens.Refused, match="a push to a/b") as refusal:
            tokens.grants([scope], user)
        assert refusal.value.status == status
        assert "expected" in str(refusal.value)
        assert "next:" in str(refusal.value)


def test_nobody_deletes_and_odd_scopes_give_nothing() -> None:
    assert tokens.grants(["repository:hello:delete"], "ci")[0]["actions"] == ["pull", "push"]
    assert tokens.grants(["", "nonsense", "registry:other:*", "plugin:x:pull"], "ci") == []


def test_a_token_is_signed_by_the_key_that_the_registry_is_told_of(tmp_path: Path) -> None:
    keys.main(tmp_path)
    first = (tmp_path / "token.key").read_bytes()
    keys.main(tmp_path)
    assert (tmp_path / "token.key").read_bytes() == first
    body = tokens.claims([], "ci", 1000)
    token = tokens.sign(body, str(tmp_path / "token.key"))
    text, _, signature = token.rpartition(".")
    header, payload = (json.loads(decode(part)) for part in text.split("."))
    (key,) = json.loads((tmp_path / "jwks.json").read_text())["keys"]
    assert (header["alg"], header["kid"]) == (key["alg"], key["kid"])
    assert payload == body
    assert (payload["nbf"], payload["exp"]) == (1000, 1900)
    public = tmp_path / "public.pem"
    words = ["openssl", "rsa", "-in", str(tmp_path / "token.key"), "-pubout", "-out", str(public)]
    subprocess.run(words, check=True, capture_output=True)
    (tmp_path / "signature").write_bytes(decode(signature))
    words = ["openssl", "dgst", "-sha256", "-verify", str(public)]
    words += ["-signature", str(tmp_path / "signature")]
    subprocess.run(words, input=text.encode(), check=True, capture_output=True)
    assert len(decode(key["n"])) == 256


@pytest.mark.parametrize("tag", ["1.0.0", "v1.2.3", "0.9.0-rc.1", "2.1.0_amd64", "1.2"])
def test_versions_stay(tag: str) -> None:
    assert manifests.is_version(tag)


@pytest.mark.parametrize("tag", ["sha-1a2b3c4", "sha-1a2b3c4d5e6f", f"sha-{'a' * 40}"])
def test_the_tags_of_commits_stay(tag: str) -> None:
    assert manifests.is_commit(tag)
    assert not manifests.is_version(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "latest",
        "main",
        "7",
        "v1",
        "pr-1.2.3",
        f"sha256:{'ab' * 32}",
        "sha-main",
        "sha-1a2b",
        "sha-",
    ],
)
def test_other_tags_move(tag: str) -> None:
    assert not manifests.is_version(tag)
    assert not manifests.is_commit(tag)


def test_ci_tags_commits_in_the_way_that_stays() -> None:
    workflow = (PROJECT / "sample-app/.github/workflows/image.yml").read_text()
    assert 'COMMIT_TAG=sha-$(git rev-parse --short=12 HEAD)"' in workflow


class Store:
    """A registry behind the gate that has some tags, by their digests."""

    def __init__(self, tags: dict[str, str]) -> None:
        self.tags = tags

    def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> SimpleNamespace:
        tag = path.rpartition("/")[2]
        if method == "PUT":
            self.tags[tag] = digest_of(body or b"")
        status = {"PUT": 201}.get(method, 200 if tag in self.tags else 404)
        told = {"Docker-Content-Digest": self.tags[tag]} if tag in self.tags else {}
        return SimpleNamespace(status=status, reason="x", headers=told, read=lambda: b"")


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.mark.parametrize(
    ("tag", "todo"), [("1.0.0", "a higher version"), ("sha-1a2b3c4d5e6f", "commit anew")]
)
def test_a_tag_that_stays_is_written_once_and_again_with_the_same_content(
    tag: str, todo: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    store = Store({})
    monkeypatch.setattr(manifests, "ask", store)
    for body, status in ((b"one", b"201"), (b"one", b"201"), (b"two", b"403")):
        manifests.put(f"/v2/hello/manifests/{tag}", body, {})
        manifests.sys.stdout.flush()
        said = capfdbinary.readouterr().out
        assert said.startswith(b"Status: " + status), body
    assert f"hello:{tag} is there already with other content".encode() in said
    assert todo.encode() in said
    assert store.tags == {tag: digest_of(b"one")}
    for body in (b"one", b"two"):
        manifests.put("/v2/hello/manifests/latest", body, {})
    assert store.tags["latest"] == digest_of(b"two")


def test_a_registry_that_is_away_is_told_as_such() -> None:
    status, kind, body = metrics.metrics(("127.0.0.1", 1))  # nobody listens on port 1
    assert (status, kind) == ("503 Service Unavailable", "text/plain")
    assert body.startswith(b"the registry is away: ")


def test_the_metrics_are_asked_where_the_registry_tells_them() -> None:
    told = yaml.safe_load((FOLDER / "registry.yml").read_text())["http"]
    assert told["net"] == "unix"
    assert told["debug"]["prometheus"] == {"enabled": True, "path": "/metrics"}
    name, port = metrics.STORE
    assert told["debug"]["addr"] == f":{port}"
    assert f'aliases=("{name}",)' in (PROJECT / "labs/platform/registry.py").read_text()
