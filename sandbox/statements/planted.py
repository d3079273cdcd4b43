"""Differences that testers plant into statements: what they may be, and what they do to a day's sheet."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from django.db.models import F, Q

from sandbox import clock, writes
from sandbox.models import Difference
from sandbox.statements.lines import ERROR, PAY, REVERSAL, Line, Sheet
from sandbox.statements.truth import fee_fen, lines_of

WECHAT_KINDS, ALIPAY_KINDS, UNIONPAY_KINDS = ("ALL", "SUCCESS", "REFUND"), ("trade", "signcustomer"), ("ZM",)
KINDS = {"wechat": WECHAT_KINDS, "alipay": ALIPAY_KINDS, "unionpay": UNIONPAY_KINDS}
# What can be planted → the parameters it takes. The control door refuses anything else.
AIM = {"order_no", "refund_no"}
CATALOGUE: dict[str, set[str]] = {
    "drop": AIM,
    "amount": AIM | {"by_fen"},
    "duplicate": AIM,
    "next_day": AIM | {"time"},
    "reversal": AIM | {"amount_fen"},
    "unknown": {"order_no", "amount_fen", "time", "transaction_no"},
    "error": {"amount_fen", "time"},
    "late": {"until", "seconds"},
    "truncated": {"keep", "of", "hash"},
    "wrong_hash": set(),
    "wrong_totals": {"count_by", "by_fen"},
    "mixed_encoding": set(),
    "other_merchant": {"shown"},
    "other_day": {"days"},
    "no_bom": set(),
}
AIMED = {"drop", "amount", "duplicate", "next_day", "reversal"}
# What a format has no line, hash or mark for
IMPOSSIBLE = {
    "wechat": {"error"},
    "alipay": {"reversal", "wrong_hash", "no_bom", "error"},
    "unionpay": {"wrong_hash", "no_bom"},
}
STRANGERS = {"wechat": "1900000999", "alipay": "2088000000000999", "unionpay": "898371000009999"}
PRODUCTS = {"wechat": "NATIVE", "alipay": "FAST_INSTANT_TRADE_PAY", "unionpay": "B2C_PC"}
PAYERS = {"wechat": "oDemoBuyer0000000000000000002", "alipay": "2088000000009002", "unionpay": "6216***********0026"}


@dataclass
class Spoilt:
    """A sheet with everything that was planted into it, and how the file is spoilt after it is written."""

    sheet: Sheet
    keep_text: float = 1
    keep_stream: float = 1
    hash_of_cut: bool = False
    wrong_hash: bool = False
    used: list[int] = field(default_factory=list)  # differences to be counted down


def check(values: dict[str, object]) -> None:
    """Raises ValueError for what could never strike."""
    what, gateway, kind = str(values.get("what", "")), str(values.get("gateway", "")), str(values.get("kind", ""))
    if what not in CATALOGUE:
        raise ValueError(f"{what!r} cannot be planted; possible: {', '.join(sorted(CATALOGUE))}")
    if gateway not in KINDS:
        raise ValueError(f"statements come from: {', '.join(KINDS)}")
    if what in IMPOSSIBLE[gateway]:
        raise ValueError(f"{what} is not possible in the statements of {gateway}")
    if kind and kind not in KINDS[gateway]:
        raise ValueError(f"the kinds of statement are: {', '.join(KINDS[gateway])}")
    params = values.get("params")
    unknown = set(params if isinstance(params, dict) else {}) - CATALOGUE[what] - AIM  # which also name the day
    if unknown:
        raise ValueError(f"{what} does not take {', '.join(sorted(unknown))}; it takes: {sorted(CATALOGUE[what])}")
    if what in AIMED and not (isinstance(params, dict) and AIM & set(params)):
        raise ValueError(f"{what} needs order_no or refund_no")
    if values.get("times") is not None and (int(str(values["times"])) < 1 or what == "next_day"):
        raise ValueError("times must be 1 or more, and a line on the next day stays there")


def is_late(difference: Difference) -> bool:
    """``until`` is an instant; ``seconds`` count from the planting."""
    until = difference.params.get("until")
    if until:
        moment = datetime.fromisoformat(str(until))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=clock.SHANGHAI)
    else:
        moment = difference.created_at + timedelta(seconds=_number(difference, "seconds", 3600))
    return clock.now() < moment


def standing(gateway: str, merchant: str, day: date, kind: str) -> list[Difference]:
    chosen = Difference.objects.filter(gateway=gateway, day=day, merchant__in=["", merchant], kind__in=["", kind])
    return list(chosen.exclude(times=0).order_by("id"))


def count_down(ids: list[int]) -> None:
    with writes.alone():
        Difference.objects.filter(id__in=ids, times__gt=0).update(times=F("times") - 1)


def _number(difference: Difference, name: str, default: float) -> float:
    return float(str(difference.params.get(name, default)))


def _is_meant(line: Line, difference: Difference) -> bool:
    """A refund by its own number, a payment by the order's."""
    params = difference.params
    if params.get("refund_no"):
        return line.refund_no == params["refund_no"]
    return line.is_payment and line.order_no == params.get("order_no")


def _at(day: date, difference: Difference, default: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(str(difference.params.get("time", default))), clock.SHANGHAI)


# What is done to the lines


def _drop(lines: list[Line], difference: Difference) -> list[Line]:
    return [line for line in lines if not _is_meant(line, difference)]


def _amount(lines: list[Line], difference: Difference) -> list[Line]:
    by = int(_number(difference, "by_fen", 1))
    return [replace(one, amount_fen=one.amount_fen + by) if _is_meant(one, difference) else one for one in lines]


def _duplicate(lines: list[Line], difference: Difference) -> list[Line]:
    return [copy for line in lines for copy in ([line, line] if _is_meant(line, difference) else [line])]


def _reversal(lines: list[Line], difference: Difference) -> list[Line]:
    """冲正: a payment of the day undone by the gateway. The payment's own line stays."""
    undone = []
    for line in lines:
        if _is_meant(line, difference) and line.kind == PAY:
            amount = int(_number(difference, "amount_fen", line.amount_fen))
            undone.append(replace(line, kind=REVERSAL, amount_fen=amount, fee_fen=-fee_fen(amount)))
    return lines + undone


def _unknown(lines: list[Line], difference: Difference) -> list[Line]:
    """A payment that no merchant's order explains. Its numbers stay the same in every version of the file."""
    params, amount = difference.params, int(_number(difference, "amount_fen", 10000))
    moment = _at(difference.day, difference, "12:00:00")
    made = Line(
        kind=PAY,
        at=moment,
        begun_at=moment,
        order_no=str(params["order_no"]),
        transaction_no=str(params["transaction_no"]),
        amount_fen=amount,
        fee_fen=fee_fen(amount),
        product=PRODUCTS[difference.gateway],
        appid="wx0000000000000001" if difference.gateway == "wechat" else "",
        payer=PAYERS[difference.gateway],
        description="来历不明的一笔",
    )
    return [*lines, made]


def _error(lines: list[Line], difference: Difference) -> list[Line]:
    """A chargeback that UnionPay clears by hand: it names no order."""
    moment = _at(difference.day, difference, "10:15:00")
    made = Line(
        kind=ERROR,
        at=moment,
        begun_at=moment,
        order_no="",
        transaction_no=f"95{difference.id:019d}",
        amount_fen=int(_number(difference, "amount_fen", 10000)),
        fee_fen=0,
        product=PRODUCTS[difference.gateway],
        payer=PAYERS[difference.gateway],
    )
    return [*lines, made]


LINES: dict[str, Callable[[list[Line], Difference], list[Line]]] = {
    "drop": _drop,
    "amount": _amount,
    "duplicate": _duplicate,
    "next_day": _drop,
    "reversal": _reversal,
    "unknown": _unknown,
    "error": _error,
}


def _carried_over(gateway: str, merchant: str, day: date, kind: str) -> list[Line]:
    """Lines of the day before that the gateway's clock put into this one: other cut-offs than ours."""
    before, found = day - timedelta(days=1), []
    moved = [one for one in standing(gateway, merchant, before, kind) if one.what == "next_day"]
    lines = lines_of(gateway, merchant, before) if moved else []
    for difference in moved:
        moment = _at(day, difference, "00:00:05")
        own = {"begun_at": moment} if gateway == "unionpay" else {}  # the one time that its file holds
        found += [replace(line, at=moment, **own) for line in lines if _is_meant(line, difference)]
    return found


def spoil(gateway: str, merchant: str, day: date, kind: str, *, shown: str) -> Spoilt:
    """The sheet of the day as it will be written. ``shown`` is the merchant as statements name him."""
    planted = standing(gateway, merchant, day, kind)
    lines = lines_of(gateway, merchant, day) + _carried_over(gateway, merchant, day, kind)
    for difference in planted:
        if difference.what in LINES:
            lines = LINES[difference.what](lines, difference)
    lines.sort(key=lambda line: line.at)
    spoilt = Spoilt(Sheet(merchant=shown, day=day, lines=lines))
    for difference in planted:
        _spoil_file(spoilt, difference)
    spoilt.used = [one.id for one in planted if one.times is not None]
    return spoilt


def _spoil_file(spoilt: Spoilt, difference: Difference) -> None:
    what, params = difference.what, difference.params
    if what == "truncated":
        keep = min(1.0, max(0.0, _number(difference, "keep", 0.6)))
        if params.get("of") == "stream":
            spoilt.keep_stream = keep
        else:
            spoilt.keep_text = keep
        spoilt.hash_of_cut = params.get("hash") == "cut"
    elif what == "wrong_hash":
        spoilt.wrong_hash = True
    elif what == "wrong_totals":
        by_fen, count_by = int(_number(difference, "by_fen", 100)), int(_number(difference, "count_by", 0))
        spoilt.sheet = replace(spoilt.sheet, fen_by=by_fen, count_by=count_by)
    elif what == "mixed_encoding":
        spoilt.sheet = replace(spoilt.sheet, mixed=True)
    elif what == "other_merchant":
        spoilt.sheet = replace(spoilt.sheet, merchant=str(params.get("shown") or STRANGERS[difference.gateway]))
    elif what == "other_day":
        by = timedelta(days=int(_number(difference, "days", -1)))
        lines = [replace(one, at=one.at + by, begun_at=one.begun_at + by) for one in spoilt.sheet.lines]
        spoilt.sheet = replace(spoilt.sheet, day=spoilt.sheet.day + by, lines=lines)
    elif what == "no_bom":
        spoilt.sheet = replace(spoilt.sheet, bom=False)


def plant(values: dict[str, object]) -> Difference:
    """A new difference. Raises ValueError when it could never strike."""
    check(values)
    params = dict(values.get("params") or {})  # type: ignore[call-overload]
    if values["what"] == "unknown":
        params.setdefault("order_no", f"UNKNOWN{secrets.token_hex(8).upper()}")
        number = f"{secrets.randbelow(10**18):018d}"
        prefix = "952" if values["gateway"] == "unionpay" else "4200009999"
        params.setdefault("transaction_no", prefix + number)
    with writes.alone():
        return Difference.objects.create(**(values | {"params": params}))


def remove(gateway: str, day: date | None, order_no: str) -> int:
    chosen = Difference.objects.all()
    if gateway:
        chosen = chosen.filter(gateway=gateway)
    if day:
        chosen = chosen.filter(day=day)
    if order_no:
        chosen = chosen.filter(Q(params__order_no=order_no) | Q(params__refund_no=order_no))
    return chosen.delete()[0]
