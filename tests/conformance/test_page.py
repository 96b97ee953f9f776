"""docs/conformance.md says what the reports beside it say."""

from typing import Any

import pytest

from tests.conformance.cli import PAGE, claimed, page_now, tracked
from tests.conformance.installation import Mode
from tests.conformance.page import with_tables
from tests.conformance.report import load

OURS: dict[str, Any] = {
    "gateway-namespace": {
        "implementation": {"version": "v0.1.0"},
        "gatewayAPIVersion": "v1.6.3",
        "profiles": [
            {
                "name": "GATEWAY-TLS",
                "core": {"statistics": {"Passed": 19, "Failed": 1, "Skipped": 0}},
                "extended": {
                    "statistics": {"Passed": 2, "Failed": 0, "Skipped": 0},
                    "supportedFeatures": ["GatewayInfrastructure"],
                    "unsupportedFeatures": ["ListenerSet"],
                },
            }
        ],
    }
}
OTHERS: dict[str, Any] = {
    "implementations": {
        "one": {"name": "One", "version": "v1", "gatewayAPIVersion": "v1.6.1", "core": {"GATEWAY-HTTP": 37}}
    },
    "renamed": {"GatewayInfrastructurePropagation": "GatewayInfrastructure"},
    "features": {"GatewayInfrastructurePropagation": ["one"], "HTTPRouteCORS": ["one"]},
}


def test_the_page_is_what_its_reports_make_of_it() -> None:
    """`python tests/conformance --page` makes it so."""
    assert PAGE.read_text() == page_now()


def test_tables_are_made_anew_and_words_stay() -> None:
    words = ["before", "<!-- table: results -->", "<!-- end -->", "<!-- table: comparison -->", "<!-- end -->", "after"]
    lines = with_tables("\n".join([*words[:2], "| old |", *words[2:]]), OURS, OTHERS).splitlines()
    assert [line for line in lines if "|" not in line] == words
    assert "| old |" not in lines
    for row in (
        "| GATEWAY-TLS | 19 of 20 | 2 of 2 |",
        "| GATEWAY-UDP |  |  |",
        "| all | **21 of 22** |  |",
        "|  | Lychgate, gateway-namespace | One |",
        "| profiles | TLS | HTTP |",
        "| extended features | **1** | **2** |",
        "| GatewayInfrastructure | yes | yes |",
        "| HTTPRouteCORS |  | yes |",
        "| ListenerSet |  |  |",
    ):
        assert row in lines
    assert with_tables("\n".join(lines), OURS, OTHERS) == "\n".join(lines)


@pytest.mark.parametrize("mode", [mode for mode in Mode if tracked(mode).exists()])
def test_no_report_claims_what_the_code_does_not(mode: Mode) -> None:
    extended = [profile.get("extended", {}) for profile in load(tracked(mode))["profiles"]]
    assert {name for level in extended for name in level.get("supportedFeatures") or ()} <= set(mode.features)


def test_every_profile_of_a_kind_that_we_claim_is_run() -> None:
    assert {"GATEWAY-HTTP", "GATEWAY-TCP"} <= set(claimed(Mode.GATEWAY_NAMESPACE))
