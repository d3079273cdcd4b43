"""One round of payments over HTTP: every payer confirms his basket, and the gateway tells of every success."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import connection

from bench._gateway import Gateway, Paid
from bench._load import Answer, Run, post, send
from bench._people import AMOUNTS, Payer, fill_baskets, keep_feeds_fresh, log_in
from bench._web import Web
from bench._writes import Written, counted
from payments.models import PaymentOrder

CLIENTS = 8
NOTICE = "/hooks/wechat_pay/notice/"


@dataclass(frozen=True)
class Round:
    """What one round took: opening and starting, for newcomers choosing the wallet on a page of its own, notices."""

    count: int
    opened: Run
    chosen: Run | None
    told: Run
    cpu_s: float

    @property
    def rate(self) -> float:
        """Payments a second. Between the timed phases stands what is the gateway's own work."""
        return self.count / (self.opened.seconds + (self.chosen.seconds if self.chosen else 0) + self.told.seconds)

    def line(self) -> str:
        """For people who watch."""
        return (
            f"{self.rate:.0f} payments/s; order and start p50 {self.opened.milliseconds(0.5)} "
            f"p99 {self.opened.milliseconds(0.99)} ms, notice p50 {self.told.milliseconds(0.5)} "
            f"p99 {self.told.milliseconds(0.99)} ms; web servers' CPU {self.cpu_s / self.count * 1000:.1f} ms a payment"
        )


def play(server: Web, gateway: Gateway, payers: Sequence[Payer], turn: int, written: Written | None = None) -> Round:
    """Let every payer pay the line of this turn, counting what is `written` meanwhile.

    Raises SystemExit where one of them does not get through.
    """
    keep_feeds_fresh()
    cookies = log_in(payers)
    tokens = fill_baskets(payers, turn)
    requests = [
        post("/pay/check/", cookie, _form(payer, turn, token, cookie))
        for payer, token, cookie in zip(payers, tokens, cookies, strict=True)
    ]
    with counted(written) if written else nullcontext():
        return _pay(server, gateway, payers, cookies, requests)


def _pay(
    server: Web, gateway: Gateway, payers: Sequence[Payer], cookies: Sequence[str], requests: Sequence[bytes]
) -> Round:
    cpu_s = server.cpu_s()
    opened = send(server.port, requests, clients=CLIENTS)
    chosen = _choose(server.port, cookies, opened.answers)
    orders = _started(payers)
    if len(orders) != len(payers):
        server.give_up(f"{len(payers)} payers, {len(orders)} orders that wait for money: {opened.answers[0]}")
    notices = [post(NOTICE, "", body, more=lines, kind="application/json") for lines, body in gateway.notices(orders)]
    told = send(server.port, notices, clients=CLIENTS)
    cpu_s = server.cpu_s() - cpu_s
    unpaid = len(_started(payers))
    if unpaid or any(answer.status != 204 for answer in told.answers):
        server.give_up(f"{unpaid} orders stayed unpaid; a notice was answered {told.answers[0]}")
    return Round(len(payers), opened, chosen, told, cpu_s)


def _form(payer: Payer, turn: int, token: str, cookie: str) -> bytes:
    """The form of the check page as a browser sends it: with the usual wallet on it."""
    line = payer.line(turn)
    fields = {
        "csrfmiddlewaretoken": cookie[-32:], "token": token, "line": line.key,
        "amount": AMOUNTS[line.choice.insurance_type], "gateway": "wechat_pay",
    }  # fmt: skip
    return urlencode(fields).encode()


def _choose(port: int, cookies: Sequence[str], answers: Sequence[Answer]) -> Run | None:
    """Who has never paid chooses the wallet (R17)."""
    asked = [
        post(answer.location, cookie, f"csrfmiddlewaretoken={cookie[-32:]}&gateway=wechat_pay".encode())
        for answer, cookie in zip(answers, cookies, strict=True)
        if answer.location.endswith("/method/")
    ]
    return send(port, asked, clients=CLIENTS) if asked else None


def _started(payers: Sequence[Payer]) -> list[Paid]:
    waiting = PaymentOrder.objects.filter(payer__in=[payer.user for payer in payers], status="awaiting")
    found = [Paid(*row) for row in waiting.values_list("order_no", "merchant_id", "amount_fen")]
    connection.close()  # it must not grow stale while another phase is timed
    return found
