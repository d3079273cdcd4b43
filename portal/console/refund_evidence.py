"""What a refund stands on, looked up anew each time that somebody decides (S06)."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Sum
from django.utils.translation import gettext as _

from core import clock
from payments import gateways, words
from payments.gateways.desks import refund_desk
from payments.models import Allocation, Declaration, Notification, Refund
from payments.policies.in_force import terms_of
from payments.refund_asking import benefits_from
from payments.refund_reviews import Review, needs_review
from payments.states import DECLARATION, LIVE
from payments.words import figures
from registration.local_names import local_name
from registration.models import Registration

SAME_WAY = timedelta(days=365)  # both wallets give back within a year of the payment


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line: what was looked at, what must hold, what is seen, and the verdict as a tag."""

    what: str
    wanted: str
    seen: str
    word: str
    tag: str


def _line(what: str, wanted: str, seen: str, fits: bool) -> Evidence:
    return Evidence(what, wanted, seen, _("相符") if fits else _("请核实"), "done" if fits else "warn")


def evidence_of(refund: Refund, review: Review | None) -> list[Evidence]:
    """Every line for this refund."""
    lines = [_money(refund), _not_before(refund)]
    if refund.declaration is not None:
        row = refund.declaration
        lines += [_not_twice(row), _registered(refund, row), _benefits(row)]
    return [*lines, _same_way(refund), _two_people(refund, review)]


def _money(refund: Refund) -> Evidence:
    kind, target = Allocation.Target.REFUND, refund.pk
    if refund.status != "refunded" and refund.declaration is not None:
        kind, target = Allocation.Target.DECLARATION, refund.declaration.pk
    elif refund.status != "refunded" and refund.discrepancy is not None:
        kind, target = Allocation.Target.DISCREPANCY, refund.discrepancy.pk
    rows = Allocation.objects.filter(receipt=refund.receipt_id, target_kind=kind, target_id=target)
    held = rows.aggregate(sum=Sum("amount_fen"))["sum"] or 0
    said = {"receipt": words.money(refund.receipt.amount_fen), "held": words.money(held)}
    seen = _("收款%(receipt)s，其中%(held)s记在这里") % said
    return _line(_("到账的钱"), _("要退的钱都在"), seen, held == refund.amount_fen)


def _not_before(refund: Refund) -> Evidence:
    others = Refund.objects.filter(receipt=refund.receipt_id).exclude(pk=refund.pk).exclude(status="rejected")
    given = others.aggregate(sum=Sum("amount_fen"))["sum"] or 0
    left = refund.receipt.amount_fen - given
    said = {"count": len(others), "given": words.money(given), "left": words.money(left)}
    seen = _("同一笔收款另有%(count)d笔退费，%(given)s；可退余额%(left)s") % said
    return _line(_("没有退过"), _("余额够退"), seen, left >= refund.amount_fen)


def _not_twice(row: Declaration) -> Evidence:
    same = Declaration.objects.filter(
        person=row.person_id, insurance_type=row.insurance_type_id, coverage_year=row.coverage_year, status__in=LIVE
    ).exclude(pk=row.pk)  # fmt: skip
    said = [f"{local_name(one.region)} {words.money(one.amount_fen)} {DECLARATION.states[one.status].label}" for one in
            same.select_related("region")[:5]]  # fmt: skip
    return Evidence(
        _("本人同一年度别的缴费"), _("看清退哪一笔"), _("；").join(said) or _("没有"),
        _("有别的") if said else _("只有这笔"), "warn" if said else "done",
    )  # fmt: skip


def _registered(refund: Refund, row: Declaration) -> Evidence:
    held = Registration.objects.filter(
        person=row.person_id, insurance_type=row.insurance_type_id, ended_on__isnull=True
    ).select_related("region")  # fmt: skip
    places = {one.region_id: local_name(one.region) for one in held}
    seen = _("登记在%(places)s，缴在%(here)s") % {
        "places": figures.listed(places.values()) or _("没有"), "here": local_name(row.region),
    }  # fmt: skip
    wrong = refund.reason == Refund.Reason.WRONG_PLACE
    return _line(_("参保登记"), _("缴错地方的，不登记在缴的地方"), seen, not wrong or row.region_id not in places)


def _benefits(row: Declaration) -> Evidence:
    begin = benefits_from(row, terms_of([row.policy_id])[row.policy_id])
    if begin > clock.today():
        seen = _("待遇%(day)s才开始") % {"day": words.bare_date(begin)}
    else:
        seen = _("待遇从%(day)s起。网上申请的，本人答没有用过；请向经办机构核实") % {"day": words.bare_date(begin)}
    return _line(_("待遇"), _("没有用过这一期待遇"), seen, begin > clock.today())


def _same_way(refund: Refund) -> Evidence:
    known = refund_desk(refund.gateway) is not None
    until = refund.receipt.paid_at + SAME_WAY
    label = str(gateways.gateway(refund.gateway).label) if known else refund.gateway
    seen = _("%(way)s，期限到%(day)s") % {"way": label, "day": words.full_date(clock.business_date(until))}
    return _line(_("原路"), _("原来的渠道还能退"), seen, known and clock.now() < until)


def _two_people(refund: Refund, review: Review | None) -> Evidence:
    wanted = _("两个人，不能是同一人")
    if refund.rule:
        return _line(_("两个人"), wanted, _("按规则退，不用人工审核"), fits=True)
    if needs_review(refund):
        first = _("初审%(name)s") % {"name": review.name} if review else _("还没有初审")
    else:
        first = _("%(name)s提出") % {"name": refund.requested_by.name if refund.requested_by else ""}
    second = _("复审%(name)s") % {"name": refund.approved_by.name} if refund.approved_by else _("还没有复审")
    return Evidence(
        _("两个人"), wanted, _("%(first)s，%(second)s") % {"first": first, "second": second},
        _("相符") if refund.approved_by else _("等人"), "done" if refund.approved_by else "two",
    )  # fmt: skip


def notices_of(refund: Refund) -> list[Notification]:
    """What the gateway has told of the order and of this refund."""
    numbers = [refund.refund_no]
    if refund.receipt.order is not None:
        numbers.append(refund.receipt.order.order_no)
    return list(Notification.objects.filter(order_no__in=numbers).order_by("-received_at")[:20])
