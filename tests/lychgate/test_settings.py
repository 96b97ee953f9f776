"""Settings: precedence, text from the environment, and errors that name source, field and remedy."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from lychgate import surroundings
from lychgate.cli.reading_settings import load_settings, unknown_variables
from lychgate.proxies import infra_settings
from lychgate.settings import Settings, SettingsError
from lychgate.standalone import process
from lychgate.surroundings import graph_settings
from tests.lychgate.settings_table import rows


def test_defaults_are_the_tutorials() -> None:
    settings = load_settings(None, {}, {})
    assert settings.controller_name == "gateway.envoyproxy.io/gatewayclass-controller"
    assert (settings.namespace, settings.xds_port, settings.metrics_port) == ("envoy-gateway-system", 18000, 19001)


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("xdsPort: 1\nhealthPort: 2\nmetricsPort: 3\n")
    environment = {"LYCHGATE_HEALTH_PORT": "20", "LYCHGATE_METRICS_PORT": "30"}
    settings = load_settings(file, environment, {"metrics_port": 300, "health_port": None})
    assert (settings.xds_port, settings.health_port, settings.metrics_port) == (1, 20, 300)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("1", True), ("0", False)])
def test_the_environment_gives_booleans_as_text(text: str, value: bool) -> None:
    assert load_settings(None, {"LYCHGATE_GATEWAY_NAMESPACE_MODE": text}, {}).gateway_namespace_mode is value


def test_the_modes_own_defaults_come_first() -> None:
    mode = Settings(log_format="console")
    assert load_settings(None, {}, {}, mode).log_format == "console"
    assert load_settings(None, {"LYCHGATE_LOG_FORMAT": "json"}, {}, mode).log_format == "json"


def test_an_unknown_key_of_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("xdsPrt: 1\n")
    with pytest.raises(SettingsError, match=r"settings\.yaml: xdsPrt is not a setting: did you mean xdsPort\?$"):
        load_settings(file, {}, {})


def test_a_key_that_the_file_has_twice_is_named(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("xdsPort: 1\nhealthPort: 2\nxdsPort: 3\n")
    with pytest.raises(SettingsError, match=r"settings\.yaml: xdsPort appears twice: remove one$"):
        load_settings(file, {}, {})


@pytest.mark.parametrize("text", ["a: [\n", "a: 1\n---\nb: 2\n", "a: \x01\n", "a: \udce9\n"])
def test_what_is_no_yaml_is_said_in_a_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SettingsError, match=r"^settings file \S+settings\.yaml: [^\n]+$"):
        load_settings(file, {}, {})


@pytest.mark.parametrize("text", ["", "# xdsPort: 1\n", "---\n"])
def test_a_file_that_says_nothing_sets_nothing(text: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    assert load_settings(file, {}, {}) == Settings()


def test_a_variable_that_is_no_setting_is_named_with_what_was_probably_meant() -> None:
    environment = {"LYCHGATE_XDS_PRT": "1", "LYCHGATE_COLOUR": "red", "LYCHGATE_XDS_PORT": "2", "XDS_PORT": "3"}
    assert list(unknown_variables(environment)) == [
        "LYCHGATE_COLOUR is not a setting and is ignored",
        "LYCHGATE_XDS_PRT is not a setting and is ignored: did you mean LYCHGATE_XDS_PORT?",
    ]


def test_what_kubernetes_says_of_a_service_with_our_name_is_no_misspelt_setting() -> None:
    environment = {
        "LYCHGATE_SERVICE_HOST": "10.0.0.1",
        "LYCHGATE_SERVICE_PORT": "80",
        "LYCHGATE_SERVICE_PORT_HTTP": "80",
        "LYCHGATE_PORT": "tcp://10.0.0.1:80",
        "LYCHGATE_PORT_80_TCP": "tcp://10.0.0.1:80",
        "LYCHGATE_PORT_80_TCP_ADDR": "10.0.0.1",
        "LYCHGATE_STEPS": "9",
    }
    assert list(unknown_variables(environment)) == []


@pytest.mark.parametrize("text", ["15", "0s", "0h0ms", "1d", "-1s", ""])
def test_a_timeout_that_is_no_duration_above_zero_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"environment: LYCHGATE_REQUEST_TIMEOUT is '.*': write a time above zero"):
        load_settings(None, {"LYCHGATE_REQUEST_TIMEOUT": text}, {})


@pytest.mark.parametrize("text", ["(", "a{900}{900}"])
def test_an_expression_that_no_proxy_would_start_with_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"environment: .*proxyStats"):
        load_settings(None, {"LYCHGATE_PROXY_STATS": text}, {})


@pytest.mark.parametrize("shift", ["-1", "64513"])
def test_a_shift_to_ports_that_are_none_is_refused(shift: str) -> None:
    with pytest.raises(
        SettingsError, match=r"environment: LYCHGATE_PRIVILEGED_PORT_SHIFT is '-?\d+': expected a whole number [<>]= "
    ):
        load_settings(None, {"LYCHGATE_PRIVILEGED_PORT_SHIFT": shift}, {})


def test_a_value_that_does_not_fit_names_source_variable_value_and_type() -> None:
    with pytest.raises(
        SettingsError, match=r"^environment: LYCHGATE_XDS_PORT is 'many': expected a whole number, got text$"
    ):
        load_settings(None, {"LYCHGATE_XDS_PORT": "many"}, {})


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("requestTimeout: 15", "write a time above zero, for example 15s or 1m30s"),
        ("proxyMemoryLimit: 1e9", "write an amount of memory, for example 512Mi"),
        ("proxyReplicas: two", "expected a whole number, got text"),
        ("mergeSlashes: 1", "expected true or false, got a whole number"),
        ("kubeconfig: 1", "expected text, got a whole number"),
    ],
)
def test_what_to_write_is_said_in_plain_words(line: str, remedy: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(line)
    with pytest.raises(SettingsError, match=f": {remedy}$"):
        load_settings(file, {}, {})


def test_a_value_that_is_none_of_a_few_is_told_which_there_are(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("routeScoping: sometimes\n")
    with pytest.raises(
        SettingsError, match=r"settings\.yaml: routeScoping is 'sometimes': write auto or always or never"
    ):
        load_settings(file, {}, {})
    with pytest.raises(SettingsError, match=r"^environment: LYCHGATE_ROUTE_SCOPING is '': write "):
        load_settings(None, {"LYCHGATE_ROUTE_SCOPING": ""}, {})
    with pytest.raises(
        SettingsError, match=r"^settings: --log-level is 'loud': write debug or info or warning or error"
    ):
        load_settings(None, {}, {"log_level": "loud"})


@pytest.mark.parametrize("variable", ["HOLD_OFF_CORES", "HOLD_OFF_AT_MOST"])
def test_a_hold_off_that_cannot_be_is_refused(variable: str) -> None:
    with pytest.raises(SettingsError, match=rf"environment: LYCHGATE_{variable} is '-1': expected a number >"):
        load_settings(None, {f"LYCHGATE_{variable}": "-1"}, {})


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("- xdsPort\n")
    with pytest.raises(SettingsError, match="expected a mapping"):
        load_settings(file, {}, {})


def test_every_setting_is_documented_as_it_is() -> None:
    written = (Path(__file__).parents[2] / "docs" / "settings.md").read_text().splitlines()
    assert [line for line in written if line.startswith("| `")] == list(rows())


def test_the_settings_that_count_without_a_cluster_are_documented_as_they_are() -> None:
    written = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    sentence = written.partition("`lychgate run` uses only ")[2].partition(".")[0]
    assert re.findall(r"`(\w+)`", sentence) == used_in(process, graph_settings)
    sentence = written.partition("`lychgate translate` uses only ")[2].partition(".")[0]
    assert re.findall(r"`(\w+)`", sentence) == used_in(surroundings)


def used_in(*code: ModuleType | Callable[..., object]) -> list[str]:
    """The settings that it reads, as the file spells them."""
    used = {name for each in code for name in re.findall(r"\bsettings\.([a-z_]+)", inspect.getsource(each))}
    return sorted(field.encode_name for field in msgspec.structs.fields(Settings) if field.name in used)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PROXY_REPLICAS", "-1"),
        ("PROXY_CPU_REQUEST", "0.5"),
        ("PROXY_MEMORY_LIMIT", "1e9"),
        ("PROXY_SERVICE_TYPE", "Loadbalancer"),
        ("PROXY_IP_FAMILY", "ipv6"),
        ("PROXY_DRAIN_SECONDS", "-1"),
        ("ENVOY_IMAGE_PULL_SECRETS", "one, two"),
        ("ENVOY_IMAGE_PULL_SECRETS", "one,"),
    ],
)
def test_what_no_proxy_can_have_is_refused(variable: str, text: str) -> None:
    with pytest.raises(SettingsError, match=rf"environment: LYCHGATE_{variable} is '{text}': "):
        load_settings(None, {f"LYCHGATE_{variable}": text}, {})


def test_the_number_of_proxies_is_left_to_others_unless_it_is_set(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("proxyReplicas: 3\n")
    assert load_settings(None, {}, {}).proxy_replicas is None
    assert load_settings(file, {}, {}).proxy_replicas == 3
    assert load_settings(file, {"LYCHGATE_PROXY_REPLICAS": "null"}, {}).proxy_replicas is None


@pytest.mark.parametrize(("text", "names"), [("", ()), ("one", ("one",)), ("one,my.two", ("one", "my.two"))])
def test_the_proxies_image_is_pulled_with_the_secrets_named(text: str, names: tuple[str, ...]) -> None:
    settings = load_settings(None, {"LYCHGATE_ENVOY_IMAGE_PULL_SECRETS": text}, {})
    assert infra_settings(settings).image_pull_secrets == names
