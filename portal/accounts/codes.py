"""One-time codes by short message (ID-5, X7): counted, bounded, and closed where counting fails.

A code is good for one purpose only. A code for log-in belongs to a phone; a code that lets somebody look at
records belongs to the viewer and the person looked at, and goes to that person's phone.
"""

import hashlib
import hmac
import logging
import threading
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext as _

from core import clock, ids, limiter
from core.refusals import Refused
from core.sealed import blind_index
from portal.carriers import CarrierRefused, CarrierUnreachable, send_sms
from portal.models import OneTimeCode

log = logging.getLogger(__name__)

DIGITS = 6
LIFE = timedelta(minutes=5)
RESEND_AFTER = timedelta(seconds=60)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TRIES = 5
A_DAY_A_PHONE = 5
AN_HOUR_AN_ADDRESS = 60  # a village behind one address must still get in (X8)
AN_HOUR_IN_ALL = 20_000


def login_key(phone: str) -> bytes:
    """What a code for log-in hangs on."""
    return blind_index("phone", phone)


def view_key(viewer_id: int, number_index: bytes) -> bytes:
    """What a code hangs on by which one person lets another look at his records."""
    return hashlib.sha256(f"view:{viewer_id}:".encode() + number_index).digest()


def send_login_code(*, phone: str, address: str, is_known: bool) -> None:
    """Send a code for log-in. A phone without an account gets a message too, and the page says the same (X5).

    Raises Refused: `too_soon` (seconds), `too_many` (at), `sms_refused`, `sms_unreachable`.
    """
    key = login_key(phone)
    _refuse_too_many(key, address)
    code = _new_code(key)
    text = (
        _("【社保缴费】验证码%(code)s，5分钟内有效。不要告诉别人。") % {"code": code}
        if is_known
        else _("【社保缴费】这个手机号还没有实名。请先点“第一次使用，去实名”。不是你本人操作的，不用管。")
    )
    try:
        send_sms(phone=phone, text=text, message_no=ids.nonce())
    except CarrierRefused as problem:
        raise Refused("sms_refused") from problem
    except CarrierUnreachable as problem:
        raise Refused("sms_unreachable") from problem


def send_view_code(*, key: bytes, phone: str, text: str, address: str) -> None:
    """Send a code to the person whose records somebody wants to see; `text` has %(code)s in it.

    Without a phone nothing is sent, and whoever asks learns nothing of it, from time neither: the message
    is handed over beside the request. Raises Refused: `too_soon` (seconds), `too_many` (at).
    """
    _refuse_too_many(key, address)
    code = _new_code(key)
    if phone and limiter.take(f"code-day:{login_key(phone).hex()}", limit=A_DAY_A_PHONE, period=DAY).allowed:
        threading.Thread(target=_hand_over, args=(phone, text % {"code": code})).start()


def _hand_over(phone: str, text: str) -> None:
    try:
        send_sms(phone=phone, text=text, message_no=ids.nonce())
    except (CarrierRefused, CarrierUnreachable) as problem:
        log.warning("a code was not handed over: %s", type(problem).__name__)


def _refuse_too_many(key: bytes, address: str) -> None:
    """What is refused for the address costs the phone nothing."""
    _take(f"code-address:{hashlib.sha256(address.encode()).hexdigest()}", AN_HOUR_AN_ADDRESS, HOUR)
    _take("code-all", AN_HOUR_IN_ALL, HOUR)
    _take(f"code-pause:{key.hex()}", 1, RESEND_AFTER, "too_soon")
    _take(f"code-day:{key.hex()}", A_DAY_A_PHONE, DAY)


def _take(name: str, limit: int, period: timedelta, code: str = "too_many") -> None:
    verdict = limiter.take(name, limit=limit, period=period)
    if not verdict.allowed:
        seconds = max(1, round((verdict.retry_at - clock.now()).total_seconds()))
        raise Refused(code, at=verdict.retry_at, seconds=seconds)


def _new_code(key: bytes) -> str:
    """Store a new code in the place of the one before, also where it is sent to nobody: it is tried the same way."""
    code, moment = ids.digits(DIGITS), clock.now()
    values = {"code_hash": _hash(key, code), "sent_at": moment, "ends_at": moment + LIFE, "tries": 0}
    OneTimeCode.objects.update_or_create(phone_index=key, defaults=values)
    return code


def check_code(*, key: bytes, code: str) -> None:
    """Use a code up. Raises Refused: `wrong_code`, `code_over` where it has ended or was tried too often."""
    row = OneTimeCode.objects.filter(phone_index=key).first()
    if row is None or clock.now() >= row.ends_at:
        raise Refused("code_over")
    # counted before it is compared, in one statement: tries sent at the same moment are counted too
    if not OneTimeCode.objects.filter(pk=row.pk, code_hash=row.code_hash, tries__lt=TRIES).update(tries=F("tries") + 1):
        raise Refused("code_over")
    if not hmac.compare_digest(row.code_hash, _hash(key, code)):
        raise Refused("wrong_code")
    if not OneTimeCode.objects.filter(pk=row.pk, code_hash=row.code_hash).delete()[0]:
        raise Refused("wrong_code")  # somebody else used it in the same moment


def _hash(key: bytes, code: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), key + code.encode(), hashlib.sha256).hexdigest()
