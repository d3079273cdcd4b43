"""What payers are told by short message (SCREENS 2.5): pulled from the history of orders and refunds, once each.

No cursor over ids: a transition that commits late would be missed. Each message names the transition
that it tells of, and the unique index keeps it from being told twice.
"""

from datetime import timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import clock, ids
from core.heartbeats import beat
from core.identity import mask_name
from core.models import Transition
from core.sealed import SealBroken, unseal
from core.transitions import advance, record_creation
from payments.models import Declaration
from payments.orders import WENT_BACK
from payments.words import bare_date, money
from payments.words.names import insurance_type
from portal.carriers import CarrierRefused, CarrierUnreachable, send_sms
from portal.messages.refund_messages import Untold, untold_refunds
from portal.models import Message

LOOK_BACK = timedelta(days=2)
BATCH = 500
STEPS = [timedelta(seconds=s) for s in (30, 120, 600, 1800, 3600)]
LEASE = timedelta(minutes=2)
LONGEST = 140

_UNTOLD = """
SELECT t.id, t.object_id, t.to_state, o.payer_id, coalesce(t.evidence->>'ground', '') FROM core_transition t
JOIN payments_paymentorder o ON o.id = t.object_id
WHERE t.kind = 'ORDER' AND t.event = ANY(%s) AND t.at > %s AND o.payer_id IS NOT NULL
  AND (t.to_state = 'paid' OR o.started_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM portal_message m WHERE m.transition_id = t.id)
ORDER BY t.id LIMIT %s"""
TOLD = ["confirm", "late_success", "expire", "fail"]


@transaction.atomic
def write_payer_messages() -> int:
    """Sweep: write a message for every outcome that was not told yet; returns how many."""
    untold = [*_untold_orders(), *untold_refunds(look_back=LOOK_BACK, most=BATCH)]
    made = [
        Message(
            transition_id=each.transition_id,
            recipient_id=each.payer_id,
            text=each.text[:LONGEST],
            made_at=clock.now(),
            next_try_at=clock.now(),
        )
        for each in untold
    ]
    Message.objects.bulk_create(made, ignore_conflicts=True)
    told = [each.transition_id for each in untold]
    stored = Message.objects.filter(transition_id__in=told).values_list("pk", flat=True)
    begun = Transition.objects.filter(kind="MESSAGE", object_id__in=list(stored)).values_list("object_id", flat=True)
    fresh = sorted(set(stored) - set(begun))
    record_creation(Message, fresh, status="waiting", actor="system:messages")
    beat("portal.messages.tasks.write_payer_messages")
    return len(made)


def _untold_orders() -> list[Untold]:
    with connection.cursor() as cursor:
        cursor.execute(_UNTOLD, [TOLD, clock.now() - LOOK_BACK, BATCH])
        rows = cursor.fetchall()
    lines = _lines({row[1] for row in rows})
    return [
        Untold(number, payer, _text(state, lines.get(order, []), went_back=ground in WENT_BACK))
        for number, order, state, payer, ground in rows
    ]


def _lines(order_ids: set[int]) -> dict[int, list[Declaration]]:
    found: dict[int, list[Declaration]] = {}
    rows = Declaration.objects.filter(order_id__in=order_ids).select_related("registration", "order").order_by("pk")
    for row in rows:
        found.setdefault(row.order_id, []).append(row)
    return found


def _text(state: str, lines: list[Declaration], *, went_back: bool = False) -> str:
    """At most seventy characters as a rule, no link, nobody's full name."""
    if not lines:
        return _("【社保缴费】有一笔缴费有结果了。请登录查看。")
    order = lines[0].order
    said = {"people": _people(lines), "money": money(order.amount_fen), "ref": ids.short_reference(order.order_no)}
    if state != "paid" and went_back:
        return _("【社保缴费】%(people)s%(money)s没有缴成，钱已由渠道退回，可以重新缴。参考号%(ref)s。") % said
    if state != "paid":
        return _("【社保缴费】%(people)s%(money)s没有扣款，可以重新缴。参考号%(ref)s。") % said
    done = [line for line in lines if line.status == "paid"]
    held = [line for line in lines if line.status != "paid"]
    if not done:
        return _("【社保缴费】%(people)s已缴过，这次的%(money)s核对后退回。参考号%(ref)s。") % said
    said |= {"people": _people(done), "money": money(sum(line.amount_fen for line in done))}
    text = _("【社保缴费】%(people)s%(money)s已缴成功，参考号%(ref)s。") % said
    if held:
        text += _("另有%(money)s重复，核对后退回。") % {"money": money(sum(line.amount_fen for line in held))}
    printable = [line.printable_on for line in done if line.printable_on]
    return text + (_("%(day)s起可开证明。") % {"day": bare_date(max(printable))} if printable else "")


def _people(lines: list[Declaration]) -> str:
    first = lines[0]
    what = {"name": mask_name(first.registration.name), "year": first.coverage_year,
            "type": insurance_type(first.insurance_type_id)}  # fmt: skip
    said = _("%(name)s%(year)d年%(type)s") % what
    if len(lines) == 1:
        return said
    return said + ngettext("等%(count)d项", "等%(count)d项", len(lines)) % {"count": len(lines)}


_DUE = """
UPDATE portal_message SET next_try_at = %s
WHERE id IN (SELECT id FROM portal_message WHERE next_try_at <= %s ORDER BY next_try_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING id"""


def send_waiting_messages() -> int:
    """Sweep: hand over what waits; the carrier knows a number that it has sent already."""
    started = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [started + LEASE, started, BATCH // 5])
        due = [row[0] for row in cursor.fetchall()]
    sent = 0
    for message in Message.objects.filter(pk__in=due).select_related("recipient").order_by("pk"):
        if clock.now() - started > timedelta(seconds=45):
            break
        sent += _send(message)
    beat("portal.messages.tasks.send_waiting_messages")
    return sent


def _send(message: Message) -> bool:
    try:
        phone = unseal(
            message.recipient.phone_sealed, field="core_user.phone_sealed",
            index=bytes(message.recipient.phone_index or b""),
        )  # fmt: skip
        send_sms(phone=phone, text=message.text, message_no=f"m{message.pk}")
    except CarrierUnreachable:
        return _try_later(message)
    except (CarrierRefused, SealBroken) as problem:
        _end(message, "give_up", type(problem).__name__)
        return False
    _end(message, "send", "")
    return True


def _end(message: Message, event: str, reason: str) -> None:
    advance(
        Message, [message.pk], event, actor="system:messages", evidence={"reason": reason} if reason else None,
        values={"next_try_at": None, "tries": message.tries + 1},
    )  # fmt: skip


def _try_later(message: Message) -> bool:
    if message.tries >= len(STEPS):
        _end(message, "give_up", "unreachable")
        return False
    Message.objects.filter(pk=message.pk).update(
        tries=message.tries + 1, next_try_at=clock.now() + STEPS[message.tries]
    )
    return False
