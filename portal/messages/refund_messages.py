"""What payers are told of their refunds: asked for, back, refused, or held up (R27, PA-7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils.translation import gettext as _

from core import clock, ids
from core.identity import mask_name
from payments.models import Refund
from payments.policies.in_force import terms_of
from payments.refund_dates import dates_of
from payments.words import bare_date, money
from payments.words.names import insurance_type
from payments.words.refunds import rejection

TOLD = ["create", "settle", "settle_outside", "reject", "fail"]
_UNTOLD = """
SELECT t.id, t.object_id, t.event, o.payer_id FROM core_transition t
JOIN payments_refund r ON r.id = t.object_id
JOIN payments_receipt c ON c.id = r.receipt_id
JOIN payments_paymentorder o ON o.id = c.order_id
WHERE t.kind = 'REFUND' AND t.event = ANY(%s) AND t.at > %s AND o.payer_id IS NOT NULL
  AND NOT (t.event = 'create' AND (r.rule <> '' OR t.to_state = 'outside'))
  AND NOT EXISTS (SELECT 1 FROM portal_message m WHERE m.transition_id = t.id)
ORDER BY t.id LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Untold:
    """A move that its payer has not been told of, and the text that tells it."""

    transition_id: int
    payer_id: int
    text: str


def untold_refunds(*, look_back: timedelta, most: int) -> list[Untold]:
    """Each move that is to be told. A refund by rule is told of when the money is back: it was announced before. So is
    one by paper, which nobody sends."""
    with connection.cursor() as cursor:
        cursor.execute(_UNTOLD, [TOLD, clock.now() - look_back, most])
        rows = cursor.fetchall()
    refunds = Refund.objects.select_related("declaration__registration").in_bulk([row[1] for row in rows])
    payable = _payable_again(refunds.values())
    return [
        Untold(transition, payer, _text(event, refunds[refund], again=refund in payable))
        for transition, refund, event, payer in rows
    ]


def _payable_again(refunds: Iterable[Refund]) -> set[int]:
    """Those whose period still takes payments (PO-4); money that was held paid none."""
    lines = {refund.pk: refund.declaration for refund in refunds if refund.declaration is not None}
    terms, today = terms_of({line.policy_id for line in lines.values()}), clock.today()
    return {pk for pk, line in lines.items() if terms[line.policy_id].last_on(line.coverage_year) >= today}


def _text(event: str, refund: Refund, *, again: bool) -> str:
    """At most seventy characters as a rule, no link, nobody's full name; never that money is lost."""
    said = {
        "what": _what(refund),
        "money": money(refund.amount_fen),
        "ref": ids.short_reference(refund.refund_no),
        "day": bare_date(dates_of(refund).back_by),
        "why": rejection(refund.failure),
    }
    if event == "create":
        return _("【社保缴费】%(what)s%(money)s退费申请已收到，两人审核后原路退回，最迟%(day)s。参考号%(ref)s。") % said
    if event == "settle_outside" and not again:
        return _("【社保缴费】%(what)s%(money)s已按书面程序或由渠道退回。参考号%(ref)s。") % said
    if event == "settle_outside":
        return _("【社保缴费】%(what)s%(money)s已按书面程序或由渠道退回，现在可以重新缴。参考号%(ref)s。") % said
    if event == "settle" and not again:
        return _("【社保缴费】%(what)s%(money)s已原路退回。参考号%(ref)s。") % said
    if event == "settle":
        return _("【社保缴费】%(what)s%(money)s已原路退回，现在可以重新缴。参考号%(ref)s。") % said
    if event == "reject":
        return _("【社保缴费】%(what)s%(money)s没有退费：%(why)s可打12366问。参考号%(ref)s。") % said
    return _("【社保缴费】%(what)s%(money)s还没退成，税务部门正在处理，不用再申请。参考号%(ref)s。") % said


def _what(refund: Refund) -> str:
    row = refund.declaration
    if row is None:
        return _("多付的")
    said = {"name": mask_name(row.registration.name), "year": row.coverage_year,
            "type": insurance_type(row.insurance_type_id)}  # fmt: skip
    return _("%(name)s%(year)d年%(type)s") % said
