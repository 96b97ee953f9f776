"""Which Service gets which address."""

from tests.lab.loadbalancer import Addresses


def test_services_get_addresses_of_their_own() -> None:
    addresses = Addresses()
    assert addresses.take("ns/a", None) == "172.31.78.10"
    assert addresses.take("ns/b", None) == "172.31.78.11"
    assert addresses.take("ns/a", None) == "172.31.78.10"


def test_an_address_given_back_is_given_out_again() -> None:
    addresses = Addresses()
    addresses.take("ns/a", None)
    addresses.give_back("ns/a")
    assert addresses.take("ns/b", None) == "172.31.78.10"


def test_a_wanted_address_is_granted_in_our_range_only() -> None:
    addresses = Addresses()
    assert addresses.take("ns/a", "172.31.78.5") == "172.31.78.5"
    assert addresses.take("ns/b", "172.31.78.5") is None
    assert addresses.take("ns/c", "192.0.2.1") is None


def test_a_service_moves_to_the_address_that_it_wants_and_stays_there() -> None:
    addresses = Addresses()
    addresses.take("ns/a", None)
    assert addresses.take("ns/a", "172.31.78.5") == "172.31.78.5"
    assert addresses.take("ns/a", None) == "172.31.78.5"
    assert addresses.take("ns/b", None) == "172.31.78.10"
    assert addresses.take("ns/a", "192.0.2.1") is None
    assert addresses.take("ns/b", "172.31.78.5") == "172.31.78.5"
