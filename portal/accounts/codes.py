"""One-time codes by short message (ID-5, X7): counted, bounded, and closed where counting fails."""

import hashlib
import hmac
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from core import clock, ids, limiter
from core.refusals import Refused
from core.sealed import blind_index
from portal.carriers import CarrierRefused, CarrierUnreachable, send_sms
from portal.models import OneTimeCode

DIGITS = 6
LIFE = timedelta(minutes=5)
RESEND_AFTER = timedelta(seconds=60)
TRIES = 5
A_DAY_A_PHONE = 5
AN_HOUR_AN_ADDRESS = 60  # a village behind one address must still get in (X8)
AN_HOUR_IN_ALL = 20_000


def send_code(*, phone: str, address: str, is_known: bool = True) -> datetime:
    """Send a code and return when another one may be sent. To a phone that is not known nothing is sent.

    The answer is the same either way (X5). Raises Refused: `too_soon`, `too_many` (both with at),
    `sms_refused`, `sms_unreachable`.
    """
    index = blind_index("phone", phone)
    _refuse_too_many(index.hex(), address)
    code = ids.digits(DIGITS)
    if is_known:
        moment = clock.now()
        values = {"code_hash": _hash(index, code), "sent_at": moment, "ends_at": moment + LIFE, "tries": 0}
        OneTimeCode.objects.update_or_create(phone_index=index, defaults=values)
        _hand_over(phone, code)
    return clock.now() + RESEND_AFTER


def _refuse_too_many(key: str, address: str) -> None:
    once = limiter.take(f"code-pause:{key}", limit=1, period=RESEND_AFTER)
    if not once.allowed:
        raise Refused("too_soon", at=once.retry_at)
    for name, limit, period in (
        (f"code-day:{key}", A_DAY_A_PHONE, timedelta(days=1)),
        (f"code-address:{hashlib.sha256(address.encode()).hexdigest()}", AN_HOUR_AN_ADDRESS, timedelta(hours=1)),
        ("code-all", AN_HOUR_IN_ALL, timedelta(hours=1)),
    ):
        verdict = limiter.take(name, limit=limit, period=period)
        if not verdict.allowed:
            raise Refused("too_many", at=verdict.retry_at)


def _hand_over(phone: str, code: str) -> None:
    text = _("【社保缴费】验证码%(code)s，5分钟内有效。不要告诉别人。") % {"code": code}
    try:
        send_sms(phone=phone, text=text, message_no=ids.nonce())
    except CarrierRefused as problem:
        raise Refused("sms_refused") from problem
    except CarrierUnreachable as problem:
        raise Refused("sms_unreachable") from problem


def check_code(*, phone: str, code: str) -> None:
    """Use a code up. Raises Refused: `wrong_code`, `code_over` where it has ended or was tried too often."""
    index = blind_index("phone", phone)
    row = OneTimeCode.objects.filter(phone_index=index).first()
    if row is None:
        raise Refused("wrong_code")
    if row.tries >= TRIES or clock.now() >= row.ends_at:
        raise Refused("code_over")
    if not hmac.compare_digest(row.code_hash, _hash(index, code)):
        OneTimeCode.objects.filter(pk=row.pk).update(tries=row.tries + 1)
        raise Refused("wrong_code")
    if not OneTimeCode.objects.filter(pk=row.pk, code_hash=row.code_hash).delete()[0]:
        raise Refused("wrong_code")  # somebody else used it in the same moment


def _hash(index: bytes, code: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), index + code.encode(), hashlib.sha256).hexdigest()
