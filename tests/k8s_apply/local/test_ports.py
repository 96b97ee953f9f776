"""Who gets which port of the one machine."""

import socket

from k8s_apply.local.ports import clashes, unusable
from tests.k8s_apply.local.wishes import key, wish, wishes


def test_gateways_on_different_ports_do_not_clash() -> None:
    assert clashes(wishes(wish("a", 80), wish("b", 81)), {}) == {}


def test_of_two_newcomers_the_first_by_name_gets_the_port() -> None:
    problems = clashes(wishes(wish("b", 80, bind=10080), wish("a", 80, bind=10080)), {})
    assert problems == {
        key("b"): "port 10080 of this machine, for the listener port 80, belongs to Gateway default/a:"
        " give one of the two another port"
    }


def test_whoever_has_a_port_keeps_it() -> None:
    assert set(clashes(wishes(wish("a", 80), wish("b", 80)), {("TCP", 80): key("b")})) == {key("a")}


def test_a_port_that_its_holder_gave_up_is_free() -> None:
    holders = {("TCP", 80): key("b"), ("TCP", 82): key("gone")}
    assert clashes(wishes(wish("a", 80, 82), wish("b", 81)), holders) == {}


def test_whoever_cannot_run_takes_no_port_from_others() -> None:
    assert set(clashes(wishes(wish("a", 80), wish("b", 80, 81), wish("c", 81)), {})) == {key("b")}


def test_udp_and_tcp_do_not_clash() -> None:
    assert clashes(wishes(wish("a", 53), wish("b", 53, protocol="UDP")), {}) == {}


def test_a_port_in_use_by_another_process_is_named() -> None:
    with socket.create_server(("0.0.0.0", 0), reuse_port=True) as server:
        port = server.getsockname()[1]
        assert f"port {port} of this machine" in unusable(wish("a", port))
        assert "is in use by another process" in unusable(wish("a", port))


def test_a_datagram_port_in_use_is_told_from_a_stream_port_of_that_number() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        assert "is in use by another process" in unusable(wish("a", taken.getsockname()[1], protocol="UDP"))


def test_a_free_port_is_usable() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
    assert not unusable(wish("a", port))
