"""The image automation: writes what policies chose into the repository, as a commit."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labs.understudy import clone as git
from labs.understudy.api_server import (
    GIT_REPOSITORY,
    IMAGE_POLICY,
    IMAGE_UPDATE_AUTOMATION,
    SECRET,
    ApiRefused,
    ApiServer,
    Object,
)
from labs.understudy.clone import Author, Clone, GitFailed
from labs.understudy.controller import Controller, Watched, own
from labs.understudy.coverage import require_covered
from labs.understudy.journal import Journal
from labs.understudy.message import Data, Template, UnsupportedTemplate, read
from labs.understudy.objects import Failed, Key, Stalled, generation, seconds, stamp
from labs.understudy.reconciler import Outcome, Reconciler, newly_requested
from labs.understudy.selector import BadSelector, selects
from labs.understudy.setters import TOKEN, Change, ImageRef, Unparsable, edit, is_candidate

READY = "repository up-to-date"
GIT_TIMEOUT = "60s"
BRANCH = "master"
"""What Flux takes where neither the automation nor its source names a branch."""


class Automation:
    """Reconciles ImageUpdateAutomations; their clones are in a folder."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        policies = Watched(
            IMAGE_POLICY,
            lambda found: repr((found.get("status") or {}).get("latestRef")),
            self._in_namespace_of,
        )
        sources = Watched(GIT_REPOSITORY, generation, self._in_namespace_of)
        watched = (own(IMAGE_UPDATE_AUTOMATION), policies, sources)
        self.controller = Controller(api, watched, Journal("image-automation-controller"))
        self.reconcile = Reconciler(self.controller, {IMAGE_UPDATE_AUTOMATION: self.update})
        self._folder = folder

    def update(self, found: Object) -> Outcome:
        """Bring the marked values of a repository to what the policies chose."""
        began = stamp()
        try:
            return self._update(found, {"lastAutomationRunTime": began})
        except Failed as error:
            error.fields["lastAutomationRunTime"] = began
            raise

    def _update(self, found: Object, fields: dict[str, Any]) -> Outcome:
        spec, status = found["spec"], found.get("status") or {}
        if not spec.get("git"):
            raise Stalled(
                "InvalidSourceConfiguration",
                "source kind 'GitRepository' necessitates field .spec.git",
            )
        template = _template(spec)
        images = self._images(found)
        source = self._source(found)
        start, branch = _branches(spec, source)
        interval = seconds(spec["interval"])
        clone = self._clone(source)
        shown = {key.partition(":")[2]: _shown(ref) for key, ref in images.items()}
        known = str(status.get("observedSourceRevision", "")).rpartition("sha1:")[2]
        same = branch == start and shown == (status.get("observedPolicies") or {})
        try:
            if same and known and not newly_requested(found) and clone.head(start) == known:
                return Outcome(READY, fields, interval)
            run = _Run(clone, spec, images, template, Key.of(found), self.controller.journal)
            author = spec["git"]["commit"]["author"]
            bot = Author(author.get("name") or author["email"], author["email"])
            head, pushed = git.write(clone, start, branch, bot, run.change)
        except GitFailed as wrong:
            raise Failed("GitOperationFailed", f"failed to update source: {wrong}") from wrong
        fields |= {"observedPolicies": shown, "observedSourceRevision": f"{start}@sha1:{head}"}
        if pushed is None:
            return Outcome(READY, fields, interval)
        fields |= {"lastPushCommit": pushed.sha, "lastPushTime": stamp()}
        done = f"pushed commit '{pushed.sha}' to 'refs/heads/{branch}'\n{run.message}"
        return Outcome(READY, fields, interval, done)

    def _images(self, found: Object) -> dict[str, ImageRef]:
        """Return what the policies of the namespace chose, of those that are selected."""
        namespace = found["metadata"]["namespace"]
        chosen: dict[str, ImageRef] = {}
        try:
            for policy in self.controller.store.all(IMAGE_POLICY):
                key = Key.of(policy)
                ref = (policy.get("status") or {}).get("latestRef")
                labels = policy["metadata"].get("labels") or {}
                here = key.namespace == namespace
                if here and ref and selects(found["spec"].get("policySelector"), labels):
                    image = ImageRef(ref["name"], ref["tag"], ref.get("digest", ""))
                    chosen[f"{namespace}:{key.name}"] = image
        except BadSelector as wrong:
            raise Stalled("InvalidPolicySelector", str(wrong)) from wrong
        return chosen

    def _source(self, found: Object) -> Object:
        name, namespace = found["spec"]["sourceRef"]["name"], found["metadata"]["namespace"]
        source = self.controller.api.get(GIT_REPOSITORY, namespace, name)
        if source is None:
            raise Failed(
                "SourceManagerFailed",
                "failed configuring source manager: gitrepositories.source.toolkit.fluxcd.io "
                f'"{name}" not found',
            )
        require_covered(source)
        if urlsplit(source["spec"]["url"]).scheme not in ("http", "https"):
            raise Stalled("Unsupported", f"unsupported: the address {source['spec']['url']}")
        return source

    def _clone(self, source: Object) -> Clone:
        spec, user, password = source["spec"], "", ""
        if name := (spec.get("secretRef") or {}).get("name"):
            user, password = self._credentials(source["metadata"]["namespace"], name)
        return Clone(
            self._folder,
            spec["url"],
            user=user,
            password=password,
            seconds=seconds(spec.get("timeout") or GIT_TIMEOUT),
        )

    def _credentials(self, namespace: str, name: str) -> tuple[str, str]:
        where = f"failed to get auth secret '{namespace}/{name}'"
        try:
            found = self.controller.api.get(SECRET, namespace, name)
        except ApiRefused as refused:
            raise Failed("SourceManagerFailed", f"{where}: {refused}") from refused
        if found is None:
            raise Failed("SourceManagerFailed", f"{where}: it is not there")
        data = found.get("data") or {}
        if not {"username", "password"} <= data.keys():
            raise Failed("SourceManagerFailed", f"{where}: it has no username and password")
        try:
            user, password = (
                base64.b64decode(data[word]).decode() for word in ("username", "password")
            )
        except (binascii.Error, UnicodeDecodeError) as wrong:
            raise Failed("SourceManagerFailed", f"{where}: {wrong}") from wrong
        return user, password

    def _in_namespace_of(self, found: Object) -> list[Key]:
        namespace = found["metadata"]["namespace"]
        keys = map(Key.of, self.controller.store.all(IMAGE_UPDATE_AUTOMATION))
        return [key for key in keys if key.namespace == namespace]


class _Run:
    """One run's change, made anew on whatever commit it comes to stand on."""

    def __init__(
        self,
        clone: Clone,
        spec: Mapping[str, Any],
        images: Mapping[str, ImageRef],
        template: Template,
        key: Key,
        journal: Journal,
    ) -> None:
        self._clone = clone
        self._path = str((spec.get("update") or {}).get("path") or "./")
        self._values = spec["git"]["commit"].get("messageTemplateValues") or {}
        self._images = images
        self._template = template
        self._key = key
        self._journal = journal
        self.message = ""

    def change(self, commit: str) -> tuple[Mapping[str, bytes], str] | None:
        """Return the files that change, and the message; None where all is as it should be."""
        files: dict[str, bytes] = {}
        changes: list[Change] = []
        for path in self._clone.files_with(commit, TOKEN, self._path):
            if not is_candidate(path):
                continue
            try:
                edited = edit(self._clone.read(commit, path).decode(), self._images)
            except (Unparsable, UnicodeDecodeError) as wrong:
                self._journal.say("error", f"problem file {path}, left alone: {wrong}", self._key)
                continue
            if edited.changes:
                files[path] = edited.text.encode()
                changes += edited.changes
        if not files:
            return None
        data = Data(self._key.namespace, self._key.name, self._values, changes)
        self.message = self._template.render(data)
        return files, self.message


def _template(spec: Mapping[str, Any]) -> Template:
    try:
        return read(str(spec["git"]["commit"].get("messageTemplate") or ""))
    except UnsupportedTemplate as wrong:
        raise Stalled("Unsupported", str(wrong)) from wrong


def _branches(spec: Mapping[str, Any], source: Object) -> tuple[str, str]:
    """Return the branch that is read, and the one that is pushed to."""
    checkout = ((spec["git"].get("checkout") or {}).get("ref") or {}).get("branch")
    start = checkout or (source["spec"].get("ref") or {}).get("branch") or BRANCH
    return str(start), str((spec["git"].get("push") or {}).get("branch") or start)


def _shown(ref: ImageRef) -> dict[str, str]:
    told = {"name": ref.name, "tag": ref.tag}
    return {**told, "digest": ref.digest} if ref.digest else told
