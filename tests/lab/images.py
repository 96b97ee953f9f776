"""Layers → OCI image archives, as `ctr images import` reads them.

Spec: OCI Image Format v1.1, "Image Layout", "Image Manifest"
"""

import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.layers import Layer, layer
from tests.lab.places import CACHE

IMAGES = CACHE / "images"
NONROOT = "65532:65532"
MEDIA = "application/vnd.oci.image"


@dataclass(frozen=True, kw_only=True)
class Image:
    """What `docker build` would know of an image."""

    reference: str
    """Name with a tag; a name without one would mean `latest` and make the kubelet pull."""
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    env: tuple[str, ...] = ("PATH=/usr/local/bin:/usr/bin:/bin",)
    user: str = NONROOT
    working_dir: str = field(default="/")


def base_layer() -> Layer:
    """Return the layer below every image: users, a world-writable /tmp, the machine's CA certificates."""
    return layer("base", "users, tmp, certificates", _fill_base)


def write(image: Image) -> Path:
    """Write the archive of `image` into the cache and return its path; keeps an equal one that is there already."""
    config = _config(image)
    manifest = _manifest(image, config)
    path = IMAGES / (image.reference.replace("/", "_").replace(":", "_") + ".tar")
    stamp = path.with_suffix(".digest")
    if path.exists() and stamp.exists() and stamp.read_text() == _digest(manifest):
        return path
    IMAGES.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    with tarfile.open(path, "w") as archive:
        _add(archive, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        _add(archive, "index.json", _index(image, manifest))
        for blob in (config, manifest):
            _add(archive, _blob(_digest(blob)), blob)
        for part in image.layers:
            _add_file(archive, _blob(part.digest), part.path)
    stamp.write_text(_digest(manifest))
    return path


def _fill_base(root: Path) -> None:
    for folder in ("etc/ssl/certs", "tmp", "var/run", "home/nonroot"):
        (root / folder).mkdir(parents=True)
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n"
    )
    (root / "etc/group").write_text("root:x:0:\nnonroot:x:65532:\n")
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    if certificates.exists():
        (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(certificates.read_bytes())


def _config(image: Image) -> bytes:
    return _json(
        {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()],
            "os": "linux",
            "config": {
                "Entrypoint": image.entrypoint,
                "Env": image.env,
                "User": image.user,
                "WorkingDir": image.working_dir,
            },
            "rootfs": {"type": "layers", "diff_ids": [part.digest for part in image.layers]},
        }
    )


def _manifest(image: Image, config: bytes) -> bytes:
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{MEDIA}.manifest.v1+json",
            "config": _descriptor("config.v1+json", _digest(config), len(config)),
            "layers": [_descriptor("layer.v1.tar", part.digest, part.size) for part in image.layers],
        }
    )


def _index(image: Image, manifest: bytes) -> bytes:
    named = {"io.containerd.image.name": image.reference, "org.opencontainers.image.ref.name": image.reference}
    entry = {**_descriptor("manifest.v1+json", _digest(manifest), len(manifest)), "annotations": named}
    return _json({"schemaVersion": 2, "manifests": [entry]})


def _descriptor(kind: str, digest: str, size: int) -> dict[str, str | int]:
    return {"mediaType": f"{MEDIA}.{kind}", "digest": digest, "size": size}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _add_file(archive: tarfile.TarFile, name: str, path: Path) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = path.stat().st_size
    with path.open("rb") as content:
        archive.addfile(entry, content)
