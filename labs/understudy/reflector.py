"""The image reflector: scans ImageRepositories, and chooses for ImagePolicies among their tags."""

from __future__ import annotations

from datetime import UTC, datetime

from labs.understudy.api_server import IMAGE_POLICY, IMAGE_REPOSITORY, ApiServer, Object
from labs.understudy.controller import Controller, own
from labs.understudy.images import (
    LATEST,
    BadImage,
    Repository,
    ScanFailed,
    checksum,
    digest,
    tags,
    without,
)
from labs.understudy.journal import Journal
from labs.understudy.objects import Failed, Key, Stalled, Waiting, moment, seconds, stamp
from labs.understudy.patterns import BadPattern
from labs.understudy.policy import InvalidPolicy, NoChoice, latest
from labs.understudy.reconciler import Outcome, Reconciler, newly_requested

EXCLUDED = [r"^.*\.sig$"]
DIGEST_INTERVAL = "10m"
LEAST_TIMEOUT = 1.0
NOTHING = "no tags in database"


class Reflector:
    """What is known of the registries' tags, and what was chosen from them."""

    def __init__(self, api: ApiServer) -> None:
        watched = (own(IMAGE_REPOSITORY), own(IMAGE_POLICY))
        self.controller = Controller(api, watched, Journal("image-reflector-controller"))
        self.reconcile = Reconciler(
            self.controller, {IMAGE_REPOSITORY: self.scan, IMAGE_POLICY: self.choose}
        )
        self._tags: dict[str, list[str]] = {}

    def scan(self, found: Object) -> Outcome:
        """Get an ImageRepository's tags, where it is time for that."""
        place = _place(found)
        spec, status = found["spec"], found.get("status") or {}
        exclusions = spec.get("exclusionList") or EXCLUDED
        interval = seconds(spec["interval"])
        wait = self._wait(found, place, exclusions, interval)
        result = status.get("lastScanResult") or {}
        if wait is None:
            timeout = max(seconds(spec.get("timeout") or spec["interval"]), LEAST_TIMEOUT)
            try:
                kept = without(tags(place, timeout), exclusions)
            except (ScanFailed, BadPattern) as wrong:
                raise Failed("ReadOperationFailed", f"scan failed: {wrong}") from wrong
            result = {
                "revision": checksum(kept),
                "tagCount": len(kept),
                "scanTime": stamp(),
                **({"latestTags": kept[:LATEST]} if kept else {}),
            }
            if self._tags.get(place.canonical) != kept:
                self._tags[place.canonical] = kept
                self._wake_policies(found)
        message = (
            f"successful scan: found {result['tagCount']} tags with checksum {result['revision']}"
        )
        fields = {
            "canonicalImageName": place.canonical,
            "observedExclusionList": exclusions,
            "lastScanResult": result,
        }
        return Outcome(message, fields, interval if wait is None else wait)

    def choose(self, found: Object) -> Outcome:
        """Choose for an ImagePolicy, and look its digest up where it is to be shown."""
        key, spec = Key.of(found), found["spec"]
        name = spec["imageRepositoryRef"]["name"]
        source = self.controller.store.get(Key("ImageRepository", key.namespace, name))
        if source is None:
            raise Failed(
                "DependencyNotReady",
                "failed to get the referred ImageRepository: referenced ImageRepository does not "
                f'exist: imagerepositories.image.toolkit.fluxcd.io "{name}" not found',
            )
        place = _place(source)
        known = self._tags.get(place.canonical)
        if not known:
            raise Waiting("DependencyNotReady", NOTHING)
        try:
            tag = latest(known, spec)
        except InvalidPolicy as wrong:
            raise Stalled("InvalidPolicy", str(wrong)) from wrong
        except NoChoice as none:
            raise Waiting("Failure", str(none)) from none  # other tags wake it
        before = (found.get("status") or {}).get("latestRef")
        chosen = {"name": source["spec"]["image"], "tag": tag}
        if shown := self._digest(found, place, chosen, before):
            chosen["digest"] = shown
        fields = {"latestRef": chosen}
        if before is not None and before != chosen:
            fields["observedPreviousRef"] = before
        reflects = spec.get("digestReflectionPolicy") == "Always"
        again = seconds(spec.get("interval") or DIGEST_INTERVAL) if reflects else None
        previous = fields.get("observedPreviousRef") or (found.get("status") or {}).get(
            "observedPreviousRef"
        )
        return Outcome(_chosen(chosen, previous), fields, again)

    def _wait(
        self, found: Object, place: Repository, exclusions: list[str], interval: float
    ) -> float | None:
        """Return the seconds to the next scan, or None where it is time for one."""
        status = found.get("status") or {}
        result = status.get("lastScanResult")
        if (
            not result
            or newly_requested(found)
            or place.canonical != status.get("canonicalImageName")
            or sorted(exclusions) != sorted(status.get("observedExclusionList") or [])
            or not self._tags.get(place.canonical)
        ):
            return None
        scanned = moment(result["scanTime"])
        wait = interval - (datetime.now(UTC) - scanned).total_seconds()
        return None if wait < 1 else wait

    def _digest(
        self, found: Object, place: Repository, chosen: dict[str, str], before: Object | None
    ) -> str:
        reflection = found["spec"].get("digestReflectionPolicy", "Never")
        if reflection == "Never":
            return ""
        kept = before or {}
        same = kept.get("name") == chosen["name"] and kept.get("tag") == chosen["tag"]
        if reflection == "IfNotPresent" and same and kept.get("digest"):
            return str(kept["digest"])
        try:
            return digest(place, chosen["tag"], seconds("30s"))
        except ScanFailed as wrong:
            told = f"failed fetching digest of {chosen['name']}:{chosen['tag']}: {wrong}"
            raise Failed("ReadOperationFailed", told) from wrong

    def _wake_policies(self, source: Object) -> None:
        meta = source["metadata"]
        for policy in self.controller.store.all(IMAGE_POLICY):
            key = Key.of(policy)
            named = policy["spec"]["imageRepositoryRef"]["name"]
            if key.namespace == meta["namespace"] and named == meta["name"]:
                self.controller.wake(key)


def _place(found: Object) -> Repository:
    try:
        return Repository.parse(found["spec"]["image"], bool(found["spec"].get("insecure")))
    except BadImage as wrong:
        raise Stalled("ImageURLInvalid", str(wrong)) from wrong


def _chosen(chosen: dict[str, str], previous: Object | None) -> str:
    """Return a policy's message, in Flux's words."""
    text = f"Latest image tag for {chosen['name']} resolved to {chosen['tag']}"
    if "digest" in chosen:
        text += f" with digest {chosen['digest']}"
    if previous and previous != chosen:
        digest_ = f"@{previous['digest']}" if previous.get("digest") else ""
        text += f" (previously {previous['name']}:{previous['tag']}{digest_})"
    return text
