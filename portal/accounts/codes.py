"""One-time codes by short message or call (ID-5, X7): counted, bounded, and closed where counting fails.

A code is good for one purpose only. A code for log-in belongs to a phone; a code that lets somebody look at
records belongs to the viewer and the person looked at, and goes to that person's phone. Messages and calls count
together. The first code of a day is free; every later one asks for the answer to a question (`questions`).

Strangers can send five codes a day to a phone, three to log in and two to look, and take nothing from its owner by
it (X7, X8): looks have a budget of their own, which log-in neither counts nor shows (X5), and the browser on which
the owner was logged in last has two more codes than any other.
"""

import hashlib
import hmac
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext as _

from core import clock, ids, limiter
from core.identity import mask_name
from core.refusals import Refused
from core.sealed import blind_index
from portal.carriers import CarrierRefused, CarrierUnreachable, read_aloud, send_sms
from portal.models import OneTimeCode

log = logging.getLogger(__name__)

DIGITS = 6
LIFE = timedelta(minutes=5)
RESEND_AFTER = timedelta(seconds=60)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TRIES = 5
A_DAY_A_PHONE = 5  # to log in, from all browsers together
A_DAY_BY_STRANGERS = 3  # of these, from browsers other than the owner's
LOOKS_A_DAY = 2  # to one phone, whoever wants to look
AN_HOUR_AN_ADDRESS = 60  # a village behind one address must still get in (X8)
AN_HOUR_IN_ALL = 20_000


@dataclass(frozen=True)
class Asker:
    """Who asks for a code: from where, whether one was sent for his session before, whether he has answered.

    `is_owner`: the phone's owner was the last to be logged in on this browser.
    """

    address: str
    has_had_one: bool = False
    has_answered: bool = False
    is_owner: bool = False

    @property
    def a_day(self) -> int:
        """How many codes for log-in there are for him."""
        return A_DAY_A_PHONE if self.is_owner else A_DAY_BY_STRANGERS


def login_key(phone: str) -> bytes:
    """What a code for log-in hangs on."""
    return blind_index("phone", phone)


def view_key(viewer_id: int, number_index: bytes) -> bytes:
    """What a code hangs on by which one person lets another look at his records."""
    return hashlib.sha256(f"view:{viewer_id}:".encode() + number_index).digest()


def send_login_code(*, phone: str, asker: Asker, is_known: bool, aloud: bool = False) -> None:
    """Send a code for log-in. A phone without an account gets a message too, and the page says the same (X5).

    Raises Refused: `too_soon` (seconds), `too_many` (at), `question` where it has to be answered first, and where
    the carrier does not do it `sms_refused`, `sms_unreachable`, `call_refused`, `call_unreachable`.
    """
    key = login_key(phone)
    _admit(key, asker, _login_budget(key, asker))
    text = _login_text(_new_code(key), is_known=is_known, aloud=aloud)
    kind = "call" if aloud else "sms"
    try:
        _carry(phone, text, aloud=aloud)
    except CarrierRefused as problem:
        raise Refused(f"{kind}_refused") from problem
    except CarrierUnreachable as problem:
        raise Refused(f"{kind}_unreachable") from problem


def _login_text(code: str, *, is_known: bool, aloud: bool) -> str:
    if is_known and aloud:
        text = _("社保缴费。验证码：%(code)s。再说一遍：%(code)s。5分钟内有效。不要告诉别人。")
        return text % {"code": _spelled(code)}
    if is_known:
        return _("【社保缴费】验证码%(code)s，5分钟内有效。不要告诉别人。") % {"code": code}
    if aloud:
        return _("社保缴费。这个手机号还没有实名。请先点“第一次使用，去实名”。不是你本人操作的，不用管。")
    return _("【社保缴费】这个手机号还没有实名。请先点“第一次使用，去实名”。不是你本人操作的，不用管。")


def send_view_code(*, key: bytes, phone: str, viewer_name: str, asker: Asker, aloud: bool = False) -> None:
    """Send a code to the person whose records somebody wants to see.

    Without a phone nothing is sent, and whoever asks learns nothing of it, from time neither: the message
    is handed over beside the request. Raises Refused: `too_soon` (seconds), `too_many` (at), `question`.
    """
    _admit(key, asker, _look_budget(key))
    text = _view_text(_new_code(key), viewer_name, aloud=aloud)
    if phone and limiter.take(f"code-looks:{login_key(phone).hex()}", limit=LOOKS_A_DAY, period=DAY).allowed:
        threading.Thread(target=_hand_over, args=(phone, text, aloud)).start()


def _view_text(code: str, viewer_name: str, *, aloud: bool) -> str:
    masked = mask_name(viewer_name)
    if aloud:  # a star cannot be heard
        name = re.sub(r"\*+", _("某"), masked)
        return _(
            "社保缴费。%(name)s想看你的缴费记录。同意，就把验证码告诉这个人：%(code)s。再说一遍：%(code)s。不同意，不用管。"
        ) % {"name": name, "code": _spelled(code)}
    text = _("【社保缴费】%(name)s想看你的缴费记录。同意，就把验证码%(code)s告诉这个人；不同意，不用管。")
    return text % {"name": masked, "code": code}


def _spelled(code: str) -> str:
    """Digit by digit, with the pauses of a person who dictates."""
    return _("，").join(code)


def _hand_over(phone: str, text: str, aloud: bool) -> None:
    try:
        _carry(phone, text, aloud=aloud)
    except (CarrierRefused, CarrierUnreachable) as problem:
        log.warning("a code was not handed over: %s", type(problem).__name__)


def _carry(phone: str, text: str, *, aloud: bool) -> None:
    if aloud:
        read_aloud(phone=phone, text=text, call_no=ids.nonce())
    else:
        send_sms(phone=phone, text=text, message_no=ids.nonce())


@dataclass(frozen=True)
class _Limit:
    name: str
    count: int
    period: timedelta
    code: str = "too_many"


def _login_budget(key: bytes, asker: Asker) -> list[_Limit]:
    strangers = [] if asker.is_owner else [_Limit(f"code-strangers:{key.hex()}", A_DAY_BY_STRANGERS, DAY)]
    return [*strangers, _Limit(f"code-day:{key.hex()}", A_DAY_A_PHONE, DAY)]


def _look_budget(key: bytes) -> list[_Limit]:
    return [_Limit(f"code-day:{key.hex()}", LOOKS_A_DAY, DAY)]


def has_login_code_left(*, phone: str, asker: Asker) -> bool:
    """Whether another code for log-in may be sent today."""
    return _has_left(_login_budget(login_key(phone), asker))


def has_look_code_left(*, key: bytes) -> bool:
    """Whether this viewer may ask this person once more today; says nothing of what others have asked."""
    return _has_left(_look_budget(key))


def _has_left(budget: list[_Limit]) -> bool:
    return all(limiter.look(limit.name, limit=limit.count, period=limit.period).allowed for limit in budget)


def _admit(key: bytes, asker: Asker, budget: list[_Limit]) -> None:
    """Refuse what is too much, then what has to be answered first; only what goes out is counted.

    Nobody is asked a question whose answer would get him nothing. The first code is told by a count of its own:
    what others had sent to the same phone, to look at its owner's records, must not show at log-in (X5).
    """
    first, limits = f"code-first:{key.hex()}", [*_limits(key, asker.address), *budget]
    for limit in limits:
        _refuse(limiter.look(limit.name, limit=limit.count, period=limit.period), limit.code)
    if not asker.has_answered and (asker.has_had_one or not limiter.look(first, limit=1, period=DAY).allowed):
        raise Refused("question")
    for limit in limits:
        _refuse(limiter.take(limit.name, limit=limit.count, period=limit.period), limit.code)
    limiter.take(first, limit=1, period=DAY)


def _limits(key: bytes, address: str) -> Iterator[_Limit]:
    """For every code, in this order: what is refused for the address costs the phone nothing."""
    yield _Limit(f"code-address:{hashlib.sha256(address.encode()).hexdigest()}", AN_HOUR_AN_ADDRESS, HOUR)
    yield _Limit("code-all", AN_HOUR_IN_ALL, HOUR)
    yield _Limit(f"code-pause:{key.hex()}", 1, RESEND_AFTER, "too_soon")


def _refuse(verdict: limiter.Verdict, code: str) -> None:
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
