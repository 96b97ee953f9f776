"""Built binaries → the images of the cluster's own pods: the sandbox, DNS, and what the conformance suite deploys."""

import json
from pathlib import Path

from tests.lab.binaries import SUITE_IMAGES
from tests.lab.images import Image, base_layer, write
from tests.lab.layers import Fill, Layer, digest_of, layer, put_program
from tests.lab.places import binary

PAUSE_IMAGE = "localhost/lab/pause:1"
COREDNS_IMAGE = "localhost/lab/coredns:1"


def build() -> list[Path]:
    """Write the archives of all base images; unchanged ones are kept."""
    references = {"pause": [PAUSE_IMAGE], "coredns": [COREDNS_IMAGE], "echo-basic": []}
    for reference in json.loads(SUITE_IMAGES.read_text()):
        program = _program_of(reference)
        if program in references:
            references[program].append(reference)
    return [
        write(Image(reference=reference, layers=(base_layer(), _program_layer(program)), entrypoint=(f"/{program}",)))
        for program, names in references.items()
        for reference in names
    ]


def _program_of(reference: str) -> str:
    """Return the last word of an image's name: the suite names its images after their programs."""
    return reference.rpartition("/")[2].partition(":")[0]


def _program_layer(program: str) -> Layer:
    return layer(program, digest_of(binary(program)), _fill(program))


def _fill(program: str) -> Fill:
    def fill(root: Path) -> None:
        put_program(root, binary(program), f"/{program}")

    return fill
