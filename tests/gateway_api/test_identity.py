"""The id of a Gateway's proxies: what signs it and what reads it agree."""

from hypothesis import given
from hypothesis import strategies as st

from gateway_api.ir.identity import gateway_of, gateway_uri
from k8s_watch.keys import ObjectKey

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?)?", fullmatch=True)


@given(st.builds(ObjectKey, NAMES, NAMES))
def test_a_gateway_is_read_back_from_its_id(gateway: ObjectKey) -> None:
    assert gateway_of(gateway_uri(gateway)) == gateway
