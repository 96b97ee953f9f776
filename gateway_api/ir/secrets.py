"""What travels as a secret: certificates with their keys, and authorities."""

from gateway_api.ir.record import Record


class PrivateBytes:
    """Bytes that no repr, log or encoder shows. Compared and hashed by content."""

    __slots__ = ("_bytes",)

    def __init__(self, content: bytes) -> None:
        self._bytes = content

    def reveal(self) -> bytes:
        """The content. Only for the wire."""
        return self._bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrivateBytes) and self._bytes == other._bytes

    def __hash__(self) -> int:
        return hash(self._bytes)

    def __repr__(self) -> str:
        return "[redacted]"


class TlsSecret(Record, frozen=True):
    """A certificate to serve, chain and key as PEM, known to parse and to belong together."""

    name: str
    """`<ns>/<secret>`."""
    certificate_chain: bytes
    private_key: PrivateBytes
    names: tuple[str, ...] = ()
    """The DNS names that it is for, in lower case: exact, or `*.suffix` with one label before the suffix."""


class CaBundle(Record, frozen=True):
    """Whom to trust: the certificates of authorities, one PEM each, known to parse. At least one, each once."""

    name: str
    """`ca/<ns>/<configmap>`, and `+<ns>/<configmap>` for each further source."""
    certificates: tuple[bytes, ...]


class CaFile(Record, frozen=True):
    """Whom to trust: the authorities in a PEM file on the proxy's own machine."""

    path: str

    @property
    def name(self) -> str:
        """Of the secret: no ConfigMap's name begins so."""
        return f"ca-file:{self.path}"


type Secret = TlsSecret | CaBundle | CaFile
"""What a proxy gets apart from the listeners and clusters that name it, so that a rotation touches neither."""
