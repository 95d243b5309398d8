"""A node that an earlier version of the project has made, brought up to date by `make up`."""

from __future__ import annotations

from labs.instance import Instance
from labs.platform import docker, kind, kubernetes, node_images
from labs.platform.objects import Object
from labs.reset.kubectl import Kubectl
from labs.run import run
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply
from tests.cluster.commands import lab

CTR = ("ctr", "--namespace=k8s.io", "images")
NAME = "of-an-earlier-day"


def pod_of(instance: Instance, other_than: str = "") -> Object:
    """Return the Deployment's only pod, once it has an image."""

    def found() -> Object:
        pods = kubernetes.api(instance).list("v1", "Pod", "default", f"app={NAME}")
        pods = [one for one in pods if one["metadata"]["uid"] != other_than]
        if len(pods) != 1 or not pods[0]["status"].get("containerStatuses", [{}])[0].get("imageID"):
            raise NotYet(f"{len(pods)} pods")
        return pods[0]

    return wait_for(found, what=f"a pod of {NAME} with its image", timeout=60)


def image_of(pod: Object) -> str:
    return str(pod["status"]["containerStatuses"][0]["imageID"])


def test_a_node_of_an_earlier_day_gets_the_images_of_today(instance: Instance) -> None:
    node, kubectl = kind.node(instance), Kubectl(instance)
    wanted = supply.node_images()
    [exporter] = [ref for ref in wanted if "/exporter:" in ref]
    [gone] = [ref for ref in wanted if "/alertmanager:" in ref]
    [other] = [ref for ref in wanted if "/prometheus:" in ref]
    docker.exec_in(node, *CTR, "tag", "--force", other, f"docker.io/{exporter}")
    docker.exec_in(node, *CTR, "rm", gone)
    kubectl("create", "deployment", NAME, f"--image={exporter}", "--namespace=default")
    try:
        before = pod_of(instance)
        said = lab(instance, "up")
        assert f"the node has another {exporter}: it is loaded" in said
        assert f"the node has no {gone}: it is loaded" in said
        after = pod_of(instance, other_than=before["metadata"]["uid"])
        assert image_of(before) != image_of(after)
        found = node_images.there(node, wanted)
        assert {ref: one.config for ref, one in found.items()} == {
            ref: one.identity for ref, one in wanted.items()
        }
        # Cut off after the image was loaded: what runs is still that of before.
        docker.exec_in(node, *CTR, "tag", "--force", other, f"docker.io/{exporter}")
        kubectl("rollout", "restart", f"deployment/{NAME}", "--namespace=default")
        before = pod_of(instance, other_than=after["metadata"]["uid"])
        assert image_of(before) != image_of(after)
        archive = wanted[exporter].archive
        run(supply.tool("kind"), "load", "image-archive", archive, f"--name={instance.name}")
        lab(instance, "up")
        after = pod_of(instance, other_than=before["metadata"]["uid"])
        assert image_of(before) != image_of(after)
        uid = after["metadata"]["uid"]
        assert "it is loaded" not in lab(instance, "up")
        assert pod_of(instance)["metadata"]["uid"] == uid, "what is right is left alone"
    finally:
        kubectl("delete", "deployment", NAME, "--namespace=default")
