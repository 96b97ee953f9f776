"""Certificates are made once, renewed in time, and left alone where somebody else supplies them."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from k8s_apply.api import Json
from k8s_apply.certificate_secrets import CertificatePlan, ensure_certificates, secret_files
from k8s_apply.certificates import (
    AUTHORITY_LIFE,
    SERVER_LIFE,
    BadCertificateError,
    load_authority,
    make_authority,
    server_files,
)
from k8s_watch.api import ApiError
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import SECRET
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.fake_writer import FakeWriter

PLAN = CertificatePlan()
CA, SERVER = ObjectKey(PLAN.namespace, "envoy-gateway-ca"), ObjectKey(PLAN.namespace, "envoy-gateway")

LEFT_BEHIND: Json = {"labels": {"control-plane": "envoy-gateway"}}
"""What Envoy Gateway's certgen puts on its Secrets, which `helm uninstall` leaves."""


def files(api: FakeWriter, key: ObjectKey) -> dict[str, bytes]:
    return secret_files(api.peek(SECRET, key) or {})


async def test_both_secrets_are_made_and_fit(api: FakeWriter, clock: VirtualClock) -> None:
    assert await ensure_certificates(api, PLAN, clock=clock) == ("envoy-gateway-ca", "envoy-gateway")
    authority = load_authority(files(api, CA))
    served = files(api, SERVER)
    assert server_files(authority, PLAN.names, served, clock.now()) is served
    assert (api.peek(SECRET, SERVER) or {})["type"] == "kubernetes.io/tls"


async def test_good_ones_are_left_as_they_are(api: FakeWriter, clock: VirtualClock) -> None:
    await ensure_certificates(api, PLAN, clock=clock)
    api.calls.clear()
    assert await ensure_certificates(api, PLAN, clock=clock) == ()
    assert not api.writes


async def test_the_server_is_renewed_alone_and_both_when_the_authority_nears_its_end(
    api: FakeWriter, clock: VirtualClock
) -> None:
    await ensure_certificates(api, PLAN, clock=clock)
    await clock.advance(SERVER_LIFE.total_seconds() * 0.7)
    assert await ensure_certificates(api, PLAN, clock=clock) == ("envoy-gateway",)
    await clock.advance(AUTHORITY_LIFE.total_seconds() * 0.7)
    assert await ensure_certificates(api, PLAN, clock=clock) == ("envoy-gateway-ca", "envoy-gateway")
    assert load_authority(files(api, CA)).cross


async def test_what_somebody_else_supplies_is_never_replaced(api: FakeWriter, clock: VirtualClock) -> None:
    theirs = make_authority(clock.now() - AUTHORITY_LIFE.total_seconds() * 0.9)
    api.put(
        SECRET, CA, data=_base64({"ca.crt": theirs.certificate, "tls.crt": theirs.certificate, "tls.key": theirs.key})
    )
    api.put(SECRET, SERVER, data=_base64(server_files(theirs, PLAN.names[-1:], {}, clock.now())))
    assert await ensure_certificates(api, PLAN, clock=clock) == ()
    assert not api.writes


async def test_what_envoy_gateway_generated_is_replaced_and_then_ours(api: FakeWriter, clock: VirtualClock) -> None:
    """Its Secret outlives it, and no proxy of ours would trust its certificate."""
    api.put(SECRET, SERVER, metadata=LEFT_BEHIND, data=_of_another_authority(clock))
    assert await ensure_certificates(api, PLAN, clock=clock) == ("envoy-gateway-ca", "envoy-gateway")
    served = files(api, SERVER)
    assert server_files(load_authority(files(api, CA)), PLAN.names, served, clock.now()) is served
    await clock.advance(SERVER_LIFE.total_seconds() * 0.7)
    assert await ensure_certificates(api, PLAN, clock=clock) == ("envoy-gateway",)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"labels": {"control-plane": "other"}},
        LEFT_BEHIND | {"annotations": {"cert-manager.io/certificate-name": "a"}},
    ],
    ids=["an operator's", "another label", "cert-manager's, which took it over"],
)
async def test_a_servers_secret_of_another_authority_is_named_and_left(
    api: FakeWriter, clock: VirtualClock, metadata: Json
) -> None:
    data = _of_another_authority(clock)
    api.put(SECRET, SERVER, metadata=metadata, data=data)
    with pytest.raises(BadCertificateError, match=r"Secret envoy-gateway-system/envoy-gateway .*delete it and run"):
        await ensure_certificates(api, PLAN, clock=clock)
    assert (api.peek(SECRET, SERVER) or {})["data"] == data


async def test_what_was_issued_by_our_authority_stays_whatever_its_labels(api: FakeWriter, clock: VirtualClock) -> None:
    theirs = make_authority(clock.now())
    api.put(SECRET, CA, data=_base64(theirs.files))
    api.put(SECRET, SERVER, metadata=LEFT_BEHIND, data=_base64(server_files(theirs, PLAN.names[-1:], {}, clock.now())))
    assert await ensure_certificates(api, PLAN, clock=clock) == ()
    assert not api.writes


async def test_an_authority_is_never_replaced_by_its_label(api: FakeWriter, clock: VirtualClock) -> None:
    """Envoy Gateway makes no Secret of that name: whoever put its label there has made it."""
    theirs = make_authority(clock.now())
    api.put(SECRET, CA, metadata=LEFT_BEHIND, data=_base64(theirs.files))
    assert await ensure_certificates(api, PLAN, clock=clock) == ("envoy-gateway",)
    assert load_authority(files(api, CA)) == theirs


async def test_a_secret_without_an_authority_is_named(api: FakeWriter, clock: VirtualClock) -> None:
    api.put(SECRET, CA, data=_base64({"ca.crt": b"junk"}))
    with pytest.raises(BadCertificateError, match=r"^Secret \S+/envoy-gateway-ca: the authority needs"):
        await ensure_certificates(api, PLAN, clock=clock)


async def test_two_at_once_agree(api: FakeWriter, clock: VirtualClock) -> None:
    """Whoever is second takes what the first has made."""
    first = make_authority(clock.now())
    labels = {"labels": {"lychgate/certgen": "true"}}
    api.before_write.append(lambda: api.put(SECRET, CA, metadata=labels, data=_base64(first.files)))
    assert await ensure_certificates(api, PLAN, clock=clock) == ("envoy-gateway",)
    assert files(api, SERVER)["ca.crt"] == first.bundle


async def test_a_server_that_says_no_is_reported(api: FakeWriter, clock: VirtualClock) -> None:
    api.refuse["create"] = ApiError(403, "secrets is forbidden")
    with pytest.raises(ApiError, match="forbidden"):
        await ensure_certificates(api, PLAN, clock=clock)


def _of_another_authority(clock: VirtualClock) -> Json:
    return _base64(server_files(make_authority(clock.now()), PLAN.names, {}, clock.now()))


def _base64(of: Mapping[str, Any]) -> Json:
    return {name: base64.b64encode(content).decode() for name, content in of.items()}
