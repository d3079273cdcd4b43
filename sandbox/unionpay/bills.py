"""UnionPay's file of a day, by fileTransfer: packed, deflated and in base64 within the signed answer itself."""

import base64
import re
import zlib
from datetime import date, timedelta

from django.conf import settings
from django.http import HttpRequest

from sandbox import clock, events, faults
from sandbox.faults import Faults
from sandbox.statements import files
from sandbox.unionpay.api import Answer, checked, door
from sandbox.unionpay.errors import Refused
from sandbox.unionpay.notices import DONE

KIND = "ZM"


def _day(text: str) -> date | None:
    """MMDD of the year that brings it nearest to today."""
    today = (clock.now() + timedelta(days=settings.CLOCK_OFFSET_DAYS)).date()
    found = []
    for year in (today.year - 1, today.year, today.year + 1):
        if re.fullmatch(r"\d{4}", text, re.ASCII):
            try:
                found.append(date(year, int(text[:2]), int(text[2:])))
            except ValueError:
                continue  # 29 February, or no day at all
    return min(found, key=lambda day: abs(day - today), default=None)


def transfer(request: HttpRequest) -> Answer:
    """fileTransReq. Rules name the file by its day."""
    day = _day(request.POST.get("settleDate", ""))
    name = day.isoformat() if day else ""
    struck = faults.take("unionpay", "bill", order_no=name)
    events.note(request, events.Note("unionpay", "bill", name, [fault.name for fault in struck], private=True))
    return door(request, struck, lambda: _file(checked(request, kind="76", about="fileType"), struck), spoilt=False)


def _file(fields: dict[str, str], struck: Faults) -> dict[str, str]:
    """There is one word for every file that is not there: not yet, never, and not any more. Raises Refused."""
    day = _day(fields.get("settleDate", ""))
    if day is None or fields["fileType"] != "00":
        raise Refused("10", "settleDate")
    if {"no_statement", "creating"} & struck.names():
        raise Refused("98")
    try:
        file = files.issue("unionpay", fields["merId"], day, KIND)
    except files.NotThere:
        raise Refused("98") from None
    echoed = ("accessType", "encoding", "merId", "txnTime", "txnType", "txnSubType", "bizType")
    content = base64.b64encode(zlib.compress(files.sent(file))).decode()
    answer = {name: fields.get(name, "") for name in (*echoed, "settleDate", "fileType")}
    return answer | DONE | {"fileName": file.name, "fileContent": content}
