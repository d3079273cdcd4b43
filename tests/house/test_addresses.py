"""Every address is public by this list or guarded; and no guarded one shows a stranger anything (X6)."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from core import clock
from core.models import User
from payments.diagnoses import diagnose
from payments.models import Declaration, PaymentOrder, Refund
from payments.refunds import request_refund
from portal.models import KeptForm
from registration.models import FamilyMember, ViewGrant
from tests.world import LI_QIANG, PENSION, Family, hand_over, line_for, make_family, make_payer, open_order, say_paid

# What needs nobody: log-in itself, pages that say nothing of anybody, and doors that other machines knock at
PUBLIC = {
    "livez", "readyz",
    "accounts:login", "accounts:real_name", "accounts:code", "accounts:resend", "accounts:question",
    "accounts:missing",
    "accounts:wallet", "accounts:wallet_return", "accounts:leave", "accounts:extend",
    "pages:home", "pages:help", "pages:settings", "pages:elder", "pages:accessibility",
    "notice", "returned", "admin:login",
}  # fmt: skip


def addresses(
    patterns: list[Any] | None = None, prefix: str = "", space: str = ""
) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """(name, route, view) of every address."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from addresses(pattern.url_patterns, prefix + str(pattern.pattern), inner)
        elif isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name}", prefix + str(pattern.pattern), pattern.callback


def is_consoles(view: Callable[..., Any]) -> bool:
    """A view that an AdminSite, or one of its ModelAdmins, wraps in the site's permission check."""
    owner = getattr(view, "model_admin", None)
    if view.__module__ == "django_otp.plugins.otp_totp.admin":
        return True  # wrapped by `admin_view` too, which leaves no mark; the next test asks them
    return isinstance(getattr(view, "admin_site", owner and owner.admin_site), AdminSite)


CONSOLE = [(name, route) for name, route, view in addresses() if is_consoles(view) and name not in PUBLIC]
GUARDED = [(name, route) for name, route, view in addresses() if getattr(view, "guarded_by", "") == "resident"]


@pytest.mark.parametrize(("name", "view"), [(name, view) for name, _, view in addresses()])
def test_every_address_is_public_by_the_list_or_guarded(name: str, view: Callable[..., Any]) -> None:
    guard = getattr(view, "guarded_by", "")
    assert (name in PUBLIC) != bool(guard or is_consoles(view)), f"{name} is guarded by {guard or 'nobody'}"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["config", "qrcode"])
def test_second_factors_are_shown_to_nobody_from_outside(name: str) -> None:
    answer = Client().get(reverse(f"admin:otp_totp_totpdevice_{name}", args=[1]))
    assert answer.status_code == 302
    assert "/console/login/" in answer["Location"]


def test_the_list_holds_nothing_that_is_gone() -> None:
    assert {name for name, _, _ in addresses()} >= PUBLIC


@pytest.mark.parametrize(("name", "route"), CONSOLE)
def test_the_console_shows_nothing_to_visitors_and_residents(name: str, route: str, db: None) -> None:
    path = "/" + re.sub(r"<[^>]+>|\(\?P.*", "1", route).replace("^", "").replace("$", "")
    resident = Client()
    resident.force_login(make_payer(LI_QIANG))
    for client in (Client(), resident):
        answer = client.get(path)
        assert answer.status_code in (302, 403, 404), f"{name} answers {answer.status_code}"
        if answer.status_code == 302:
            assert "login" in answer.headers["Location"] or name == "admin:logout"


# --- X6 -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def family(db: None) -> Family:
    return make_family()


@pytest.fixture
def order(family: Family) -> PaymentOrder:
    return hand_over(open_order(family.payer, line_for(family.father, PENSION)))


@pytest.fixture
def of_the_family(family: Family, order: PaymentOrder) -> dict[str, object]:
    """What stands in the family's own addresses."""
    asked = diagnose(payer=family.payer, member=family.son, insurance_type=PENSION, coverage_year=2026)
    husband = make_payer(LI_QIANG, "13900006719")
    person = Declaration.objects.get(order=order).person
    grant = ViewGrant.objects.create(viewer=husband, person=person, ends_at=clock.now() + timedelta(days=9))
    kept = KeptForm.objects.create(token="a" * 64, owner=family.payer, path="/me/add/", fields_sealed="")
    paid = say_paid(hand_over(open_order(family.payer, line_for(family.herself, PENSION))))
    refund = request_refund(
        declaration_no=paid.declarations.get().declaration_no, reason=Refund.Reason.WRONG_PLACE, note="",
        actor=family.payer.actor, requested_by=family.payer,
    )  # fmt: skip
    return {
        "member_id": family.father.pk, "order_no": order.order_no, "code": asked.diagnosis.code, "token": kept.token,
        "declaration_no": Declaration.objects.get(order=order).declaration_no, "grant_id": grant.pk,
        "insurance_type": PENSION, "coverage_year": 2026, "part": "base",
        "refund_no": refund.refund_no,
    }  # fmt: skip


def filled(route: str, values: dict[str, object]) -> str:
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(values[match.group(1)]), route)


def everything() -> list[object]:
    """What a stranger could change."""
    tables = (PaymentOrder, Declaration, Refund, FamilyMember, ViewGrant, KeptForm)
    return [list(table.objects.order_by("pk").values()) for table in tables]


OWNED = [(name, route) for name, route in GUARDED if re.search("member_id|_no>|code|token|grant", route)]


@pytest.mark.parametrize(("name", "route"), OWNED)
def test_a_stranger_with_another_familys_address_gets_nothing(name: str, route: str, of_the_family) -> None:
    """X6: 404, or back to his own pages; nothing is shown and nothing moves."""
    stranger = User.objects.get(number_index=LI_QIANG.index)
    ViewGrant.objects.update(viewer=User.objects.exclude(pk=stranger.pk).get())
    client = Client()
    client.force_login(stranger)
    before = everything()
    for send in (client.get, client.post):
        answer = send(filled(route, of_the_family))
        assert answer.status_code in (302, 404, 405), f"{name} answers {answer.status_code}"
        text = answer.content.decode()
        assert "王*国" not in text
        assert "1,000.00" not in text
    assert everything() == before


@pytest.mark.parametrize(("name", "route"), GUARDED)
def test_a_visitor_is_led_to_log_in(name: str, route: str, of_the_family) -> None:
    for send in (Client().get, Client().post):
        answer = send(filled(route, of_the_family))
        assert answer.status_code == 405 or answer.headers["Location"].startswith("/login/?next="), name


@pytest.mark.parametrize(("name", "route"), GUARDED)
def test_staff_have_no_way_into_residents_pages(name: str, route: str, of_the_family) -> None:
    clerk = User.objects.create(username="zhaomin", name="赵敏", is_staff=True)
    client = Client()
    client.force_login(clerk)
    answer = client.get(filled(route, of_the_family))
    assert answer.status_code == 405 or answer.headers["Location"].startswith("/login/?next="), name
