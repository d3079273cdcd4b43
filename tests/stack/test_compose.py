"""docker-compose.yml runs what script/server runs: same commands, same variables. No Docker engine is needed here."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.console.feeds import MOST_BYTES
from script.stack import processes, valkey
from script.stack.places import CHECKOUT, Places
from script.stack.processes import Addresses

PORTAL_SERVICES = ("web", "worker", "beat", "migrate", "demo", "keys")
ONLY_IN_CONTAINERS = {"ALLOWED_HOSTS", "BEHIND_PROXY"}
ONLY_FOR_COMPOSE = {"POSTGRES_PASSWORD", "PORTAL_VERSION"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    return compose["services"]


def variables(services: dict[str, Any], name: str) -> dict[str, str]:
    return services[name]["environment"]


def test_commands_are_those_of_script_server(services: dict[str, Any]) -> None:
    assert services["web"]["command"] == processes.web(host="0.0.0.0", port=8000)
    assert services["worker"]["command"] == processes.worker()
    assert services["beat"]["command"] == processes.beat(schedule="/tmp/beat-schedule")
    assert services["migrate"]["command"] == ["python", *processes.MIGRATE]
    assert services["demo"]["command"] == ["python", *processes.LOAD_DEMO]
    shell, option, line = services["sandbox"]["command"]
    migrate = " ".join(["python", *processes.SANDBOX_MIGRATE])
    serve = " ".join(processes.sandbox(host="0.0.0.0", port=9000))
    assert [shell, option, " ".join(line.split())] == ["sh", "-c", f"{migrate} && exec {serve}"]


def test_portal_gets_the_variables_of_script_server(services: dict[str, Any]) -> None:
    ours = processes.portal_variables(Places(Path("/data")), Addresses(), database_url="", redis_url="", offset_days=0)
    for name in PORTAL_SERVICES:
        assert variables(services, name).keys() == ours.keys() | ONLY_IN_CONTAINERS, name
    for name in ("PORTAL_DATA", "SANDBOX_EXCHANGE", "DJANGO_SETTINGS_MODULE"):
        assert variables(services, "web")[name] == ours[name]
    assert ours["PORTAL_SECRETS"] in variables(services, "web")["PORTAL_SECRETS"]


def test_sandbox_gets_its_variables_and_no_secret_of_the_portals(services: dict[str, Any]) -> None:
    ours = processes.sandbox_variables(Places(Path("/data")), Addresses(), offset_days=0)
    theirs = variables(services, "sandbox")
    assert theirs.keys() == ours.keys() | {"SANDBOX_HOSTS"}
    for name in ("SANDBOX_DATA", "SANDBOX_KEYS", "SANDBOX_EXCHANGE"):
        assert theirs[name] == ours[name]
    assert services["sandbox"]["env_file"] == []
    assert "data:/data" not in services["sandbox"]["volumes"]


def test_sandbox_and_demo_come_only_when_asked_for(services: dict[str, Any]) -> None:
    asked = {name for name, service in services.items() if service.get("profiles") == ["sandbox"]}
    assert asked == {"sandbox", "demo", "keys"}


def test_servers_are_those_that_the_portal_needs(services: dict[str, Any]) -> None:
    assert services["postgres"]["image"] == "postgres:18"
    embedded = valkey.command(Path("/data"), Path("/socket"))
    kept = {"--save", "--appendonly", "--appendfsync", "--maxmemory-policy"}
    wanted = {option: embedded[at + 1] for at, option in enumerate(embedded) if option in kept}
    given = services["valkey"]["command"]
    assert dict(zip(given[1::2], given[2::2], strict=True)) == wanted


def test_nothing_starts_before_the_tables_are_there(services: dict[str, Any]) -> None:
    for name in ("web", "worker", "beat"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_every_dependency_and_volume_exists(compose: dict[str, Any], services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= services.keys(), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or source.startswith("./docker/"), volume


def test_health_is_asked_at_the_two_addresses(services: dict[str, Any]) -> None:
    assert services["web"]["healthcheck"]["test"][-1] == "/livez"
    assert any(word.endswith("/readyz") for word in services["nginx"]["healthcheck"]["test"])


def test_containers_listen_for_the_machine_itself_only_except_the_proxy(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for port in service.get("ports", []):
            assert name == "nginx" or port.startswith("127.0.0.1:"), (name, port)


def test_the_proxy_lets_through_the_files_that_the_console_takes() -> None:
    conf = (CHECKOUT / "docker" / "nginx.conf").read_text()
    console = re.search(r"location /console/ \{(.*?)\}", conf, re.DOTALL)
    assert console is not None
    most = re.search(r"client_max_body_size (\d+)m;", console[1])
    assert most is not None
    assert int(most[1]) * 1024**2 > MOST_BYTES


def example_variables() -> set[str]:
    """The variables that .env.example names, set or only shown."""
    return set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))


def read_by_the_portal() -> set[str]:
    """The variables that the settings read: `env.…("NAME")`, `_outside("NAME")`, `secrets.text("name")`."""
    found = set()
    for module in ("portal/settings.py", "portal/secrets.py"):
        for call in ast.walk(ast.parse((CHECKOUT / module).read_text())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
                continue
            if call.func.attr == "get":
                continue
            first = call.args[0]
            if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
                continue
            if call.func.attr in ("text", "key"):
                found.add(first.value.upper())
            elif re.fullmatch(r"[A-Z][A-Z0-9_]+", first.value):
                found.add(first.value)
    return found


def test_example_names_every_variable_that_the_portal_reads() -> None:
    read = read_by_the_portal()
    assert len(read) > 25
    assert read <= example_variables()


def test_example_and_compose_name_no_variable_that_nothing_reads() -> None:
    in_compose = set(re.findall(r"\$\{([A-Z0-9_]+)", (CHECKOUT / "docker-compose.yml").read_text()))
    assert in_compose | example_variables() <= read_by_the_portal() | ONLY_FOR_COMPOSE
    assert in_compose <= example_variables()


def test_image_is_made_of_what_the_checkout_holds() -> None:
    lines = (CHECKOUT / "docker" / "Dockerfile").read_text()
    assert "--require-hashes" in lines
    assert (CHECKOUT / "requirements.txt").exists()
    assert re.search(r"^USER portal$", lines, re.MULTILINE)
    ignored = (CHECKOUT / ".dockerignore").read_text().split()
    assert {".env", "var", ".git"} <= set(ignored)
