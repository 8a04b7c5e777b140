"""The scenes, in their order; each checks what it claims. What only a real node can show is in `workloads` and `upgrades`."""

import time
from collections.abc import Callable, Sequence

from tests.bed.node import images
from tests.node import context
from tests.node.ground import Ground
from tests.node.install import an_example, an_installation
from tests.node.removal import an_uninstall, installed_again, the_end
from tests.node.upgrades import a_half_done_rotation, an_upgrade
from tests.node.workloads import a_refused_pod, a_rotation, an_application


def an_image(ground: Ground) -> None:
    """The Dockerfile, built on the stand-in for its public base, with the bed's CA in the place of Amazon's bundle."""
    ground.screen.heading("1  The image")
    base = images.base(ground.screen.say)
    begun = time.monotonic()
    ground.image = context.bake(base, ground.bed.authority.ca.certificate, anew=ground.anew)
    seconds = time.monotonic() - begun
    built = images.find(ground.image)
    assert built is not None, "the image is not in the store"
    archive = ground.bed.folder / "image.tar"
    images.save(ground.image, archive)
    bottom, *own = images.layers(archive)
    ground.screen.say(f"buildah built {ground.image}", seconds=seconds)
    kind = "every step anew" if ground.anew else "with the store's layers"
    ground.figures += [
        (f"image built, {kind}", f"{seconds:.1f} s"),
        ("image unpacked, and what of it is not the base", f"{(bottom + sum(own)) / 1e6:.0f} MB, {sum(own) / 1e6:.0f} MB"),
    ]
    ground.claims.check("it runs as 65532:65532, by number", built.user == "65532:65532", built.user)
    ground.claims.check("its labels name title, version, licence and base", _labelled(built))


def _labelled(built: images.Image) -> bool:
    told = {name.rpartition("image.")[2]: text for name, text in built.labels.items()}
    return told.get("title") == "rotated-rds" and told.get("base.name") == images.BASE and {"version", "licenses"} <= told.keys()


def a_node(ground: Ground) -> None:
    """containerd and a kubelet beside the bed's own control plane; database and AWS where its Pods reach them, and nothing else."""
    ground.screen.heading("2  A cluster with a real node")
    begun = time.monotonic()
    ground.rise()
    ground.screen.say("node Ready, PostgreSQL and AWS (simulated by moto) on its cable", seconds=time.monotonic() - begun)
    ground.figures.append(("control plane, node, database and AWS up", f"{time.monotonic() - begun:.1f} s"))
    with ground.timed("image given to the node"):
        ground.containers.load(ground.bed.folder / "image.tar")
    version = ground.api.call("GET", "/api/v1/nodes")["items"][0]["status"]["nodeInfo"]
    ground.screen.say(f"kubelet {version['kubeletVersion']}, {version['containerRuntimeVersion']}, {version['osImage']}")


SCENES: Sequence[Callable[[Ground], None]] = (
    an_image,
    a_node,
    an_installation,
    an_example,
    an_application,
    a_rotation,
    a_refused_pod,
    an_upgrade,
    a_half_done_rotation,
    an_uninstall,
    installed_again,
    the_end,
)
