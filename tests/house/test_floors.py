"""An app imports only lower floors; inside payments only lower inner floors; doors never each other."""

from tests.house.source import APPS, Module, in_every, modules

FLOORS = {name: level for level, name in enumerate(APPS)}

# Inside payments, lowest first. A module is found by its longest prefix.
INNER = {
    "payments.apps": 0,
    "payments.states": 0,
    "payments.guards": 0,
    "payments.models": 1,
    "payments.policies": 2,
    "payments.pricing": 3,
    "payments.estimate": 3,
    "payments.delays": 3,
    "payments.declarations": 4,
    "payments.receipts": 5,
    "payments.discrepancies": 5,
    "payments.gateways": 6,
    "payments.orders": 7,
    "payments.confirming": 7,
    "payments.refunds": 7,
    "payments.refund_settling": 7,
    "payments.refund_checks": 8,
    "payments.order_checks": 8,
    "payments.facts": 8,
    "payments.words": 8,
    "payments.records": 8,
    "payments.refund_records": 8,
    "payments.refund_dates": 8,
    "payments.refund_asking": 9,
    "payments.refund_reviews": 9,
    "payments.diagnoses": 9,
    "payments.checkout": 9,
    "payments.drafts": 9,
    "payments.notifications": 9,
    "payments.tasks": 10,
    "payments.admin": 10,
    "payments.management": 10,
    "payments.demo": 9,
    "payments.name_changes": 9,
}
# Loading a policy or publishing one writes rows; reading the terms does not.
UPPER = {"payments.policies.loader": 3, "payments.policies.publishing": 4}

PURE = (
    "payments.policies.terms",
    "payments.policies.reading",
    "payments.policies.sources",
    "payments.policies.demo_year",
    "payments.pricing",
    "payments.estimate",
    "payments.gateways.wechat_pay.wire",
    "payments.gateways.alipay.wire",
    "payments.gateways.unionpay.trust",
    "payments.gateways.unionpay.wire",
    "registration.feed_format",
    "reconciliation.formats",
    "core.identity",
    "core.money",
    "core.states",
)
DOORS = ("portal.accounts", "portal.pages", "portal.hooks", "portal.api", "portal.console", "portal.messages")
SHARED_BY_DOORS = ("portal.accounts.access",)


def inner_level(name: str) -> int | None:
    known = INNER | UPPER
    fits = [prefix for prefix in known if name == prefix or name.startswith(prefix + ".")]
    return known[max(fits, key=len)] if fits else None


def is_inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@in_every(modules())
def test_an_app_imports_only_lower_floors(module: Module) -> None:
    above = {name for name in module.imported() if FLOORS.get(name.split(".")[0], -1) > FLOORS[module.app]}
    assert not above, f"{module.name} looks upstairs: {sorted(above)}"


@in_every(modules("payments"))
def test_payments_is_built_in_inner_floors(module: Module) -> None:
    if module.name == "payments":
        return
    level = inner_level(module.name)
    assert level is not None, f"{module.name} stands on no inner floor: add it to INNER"
    for name in module.imported():
        other = inner_level(name)
        if other is not None:
            assert other <= level, f"{module.name} ({level}) imports {name} ({other})"


@in_every(modules("portal"))
def test_doors_never_import_each_other(module: Module) -> None:
    mine = next((door for door in DOORS if is_inside(module.name, door)), None)
    if mine is None:
        return
    for name in module.imported():
        other = next((door for door in DOORS if is_inside(name, door)), None)
        shared = any(is_inside(name, open_to_all) for open_to_all in SHARED_BY_DOORS)
        assert other in (None, mine) or shared, f"{module.name} imports {name}"


def test_pages_never_import_reconciliation() -> None:
    for module in modules("portal"):
        if is_inside(module.name, "portal.pages"):
            assert not any(name.startswith("reconciliation") for name in module.imported()), module.name


@in_every(modules())
def test_pure_modules_read_no_models_and_do_no_io(module: Module) -> None:
    if not any(is_inside(module.name, pure) for pure in PURE):
        return
    for name in module.imported():
        assert ".models" not in name, f"{module.name} imports {name}"
        assert name.split(".")[0] not in ("httpx", "redis", "celery", "socket"), f"{module.name} imports {name}"
        assert not name.startswith("django.db"), f"{module.name} imports {name}"


@in_every(modules())
def test_tasks_are_doors_and_nothing_imports_them(module: Module) -> None:
    tasks = {name for name in module.imported() if name.endswith(".tasks") or ".tasks." in name}
    assert not tasks, f"{module.name} imports tasks: {sorted(tasks)}"


def test_sandbox_and_product_import_nothing_of_each_other() -> None:
    for module in modules("sandbox"):
        assert not {name for name in module.imported() if name.split(".")[0] in APPS}, module.name
    for module in modules():
        assert not {name for name in module.imported() if name.split(".")[0] == "sandbox"}, module.name


def test_there_is_no_drawer_for_odds_and_ends() -> None:
    banned = {"utils", "helpers", "services", "selectors", "common", "manager", "managers", "handlers", "misc"}
    named = [module.name for module in modules() if set(module.name.split(".")) & banned]
    assert not named
