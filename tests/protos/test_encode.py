"""Deterministic bytes, and responses built around them."""

from google.protobuf.any_pb2 import Any as AnyMessage

from protos import cluster, discovery, encode, endpoint, render, secret, type_urls


def test_equal_messages_encode_equally() -> None:
    a = cluster.Cluster(name="a", typed_extension_protocol_options={k: AnyMessage() for k in "xyz"})
    b = cluster.Cluster(name="a", typed_extension_protocol_options={k: AnyMessage() for k in "zyx"})
    assert encode.encode(a) == encode.encode(b)


def test_a_packed_message_unpacks() -> None:
    packed = encode.pack(cluster.Cluster(name="a"))
    assert packed.type_url == type_urls.CLUSTER
    assert cluster.Cluster.FromString(packed.value).name == "a"


def test_a_response_carries_the_bodies_in_order() -> None:
    bodies = [encode.encode(cluster.Cluster(name=n)) for n in "ba"]
    raw = encode.encode_response(type_url=type_urls.CLUSTER, version="v", nonce="n", bodies=bodies)
    response = discovery.DiscoveryResponse.FromString(raw)
    assert (response.version_info, response.nonce, response.type_url) == ("v", "n", type_urls.CLUSTER)
    assert [(r.type_url, r.value) for r in response.resources] == [(type_urls.CLUSTER, b) for b in bodies]


def test_a_delta_response_carries_names_versions_and_removals() -> None:
    body = encode.encode(cluster.Cluster(name="a"))
    resources = [encode.delta_resource(type_urls.CLUSTER, "a", "1", (body[:1], body[1:]))]
    raw = encode.encode_delta_response(
        type_url=type_urls.CLUSTER, version="v", nonce="n", resources=resources, removed=["b"]
    )
    response = discovery.DeltaDiscoveryResponse.FromString(raw)
    assert [(r.name, r.version, r.resource.value) for r in response.resources] == [("a", "1", body)]
    assert (response.removed_resources, response.system_version_info) == (["b"], "v")


def test_a_resource_is_framed_as_protobuf_would() -> None:
    """Of any size: lengths of one, two and more bytes."""
    for size in (0, 1, 100, 127, 128, 20_000, 3_000_000):
        framed = encode.delta_resource(type_urls.CLUSTER, "a" * 130, "1", (bytes(size),))
        whole = discovery.DeltaDiscoveryResponse.FromString(b"".join(framed))
        (resource,) = whole.resources
        assert (resource.name, resource.version) == ("a" * 130, "1")
        assert (resource.resource.type_url, resource.resource.value) == (type_urls.CLUSTER, bytes(size))


def test_every_resource_type_has_its_url() -> None:
    assert all(encode.type_url(message) == url for url, message in render.RESOURCES.items())
    assert encode.type_url(endpoint.ClusterLoadAssignment) == type_urls.ENDPOINT


def test_a_rendered_secret_shows_no_private_key() -> None:
    message = secret.Secret(name="s")
    message.tls_certificate.private_key.inline_bytes = b"KEY"
    shown = render.to_dict(render.decode(type_urls.SECRET, encode.encode(message)))
    assert shown["tls_certificate"] == {"private_key": {"inline_string": "[redacted]"}}
    assert message.tls_certificate.private_key.inline_bytes == b"KEY"
