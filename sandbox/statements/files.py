"""Statements as merchants get them: whether they are there, what their link is, and what comes out of it."""

import gzip
import hashlib
from datetime import date, timedelta

from django.conf import settings
from django.core import signing

from sandbox import clock, dials, merchants, writes
from sandbox.models import StatementFile
from sandbox.statements import alipay_text, planted, unionpay_text, wechat_text
from sandbox.statements.lines import Sheet
from sandbox.statements.truth import day_of

KEPT_DAYS = 92  # three months
_links = signing.TimestampSigner(sep="~", salt="statement")  # a sign that needs no escape in addresses


class NotThere(Exception):
    """Why there is no statement: bad_day, creating, nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _check_day(gateway: str, merchant: str, day: date, kind: str) -> None:
    now = clock.now() + timedelta(days=settings.CLOCK_OFFSET_DAYS)
    at_once = bool(dials.get("statements_at_once"))
    last = day_of(clock.now(), gateway) if at_once else now.date() - timedelta(days=1)
    if day > last or day < now.date() - timedelta(days=KEPT_DAYS):
        raise NotThere("bad_day")
    if day == now.date() - timedelta(days=1) and now.hour < dials.number("statement_ready_hour") and not at_once:
        raise NotThere("creating")
    late = [one for one in planted.standing(gateway, merchant, day, kind) if one.what == "late"]
    if any(planted.is_late(one) for one in late):
        raise NotThere("creating")


def fee_percent() -> str:
    return f"{dials.number('fee_percent'):.2f}%"


def issue(gateway: str, merchant: str, day: date, kind: str) -> StatementFile:
    """Write the statement as it stands now; the same text is the same row. Raises NotThere."""
    _check_day(gateway, merchant, day, kind)
    shown = merchants.alipay_seller_id(merchant) if gateway == "alipay" else merchant
    spoilt = planted.spoil(gateway, merchant, day, kind, shown=shown)
    sheet = _of_kind(spoilt.sheet, gateway, kind)
    if not sheet.lines:
        raise NotThere("nothing")
    if gateway == "wechat":
        name, whole = f"{sheet.day:%Y%m%d}{kind}.csv", wechat_text.write(sheet, kind)
        content = whole[: int(len(whole) * spoilt.keep_text)]
    elif gateway == "unionpay":
        name = f"{sheet.day:%Y%m%d}_{sheet.merchant}.zip"
        content = whole = unionpay_text.write(sheet, keep=spoilt.keep_text)
    else:
        stem = f"{alipay_text.account_no(sheet.merchant)}_{sheet.day:%Y%m%d}"
        name, whole = f"{stem}.csv.zip", alipay_text.write(sheet, kind, keep=spoilt.keep_text)
        content = whole
    told = hashlib.sha1(content if spoilt.hash_of_cut else whole).hexdigest()  # noqa: S324
    if spoilt.wrong_hash:
        told = told[::-1]
    planted.count_down(spoilt.used)
    version = {"gateway": gateway, "merchant": merchant, "day": day, "kind": kind, "content": content}
    version |= {"told_hash": told, "keep": spoilt.keep_stream, "name": name}
    with writes.alone():
        known = StatementFile.objects.filter(**version).first()
        return known or StatementFile.objects.create(**version, first_asked_at=clock.now())


def _of_kind(sheet: Sheet, gateway: str, kind: str) -> Sheet:
    values: dict[str, object] = {"fee_percent": fee_percent()}
    if gateway == "wechat":
        values["lines"] = [line for line in sheet.lines if wechat_text.belongs(line, kind)]
    return Sheet(**{**sheet.__dict__, **values})


def link_token(file: StatementFile) -> str:
    return _links.sign(str(file.id))


def linked(token: str) -> StatementFile | None:
    """The version that a link names, while the link lives."""
    try:
        number = _links.unsign(token, max_age=dials.number("statement_link_seconds"))
    except signing.BadSignature:
        return None
    return StatementFile.objects.filter(id=int(number)).first()


def sent(file: StatementFile, *, zipped: bool = False) -> bytes:
    """What goes over the line, cut where it was planted so."""
    content = bytes(file.content)
    if zipped:
        content = gzip.compress(content, mtime=0)
    return content[: int(len(content) * file.keep)]
