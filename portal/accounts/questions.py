"""The question before every code but the first (X7): asked on a page of its own, kept on the server, good once."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from core import clock, ids, limiter
from core.refusals import Refused
from portal.accounts import captcha
from portal.accounts.access import client_address
from portal.accounts.codes import DAY, HOUR, RESEND_AFTER, Asker
from portal.accounts.forms import QuestionForm
from portal.accounts.words import refusal_words

LIFE = timedelta(minutes=5)
AN_HOUR_A_NUMBER = 10  # answers for one number from one address; another address is not shut out (X8)
AN_HOUR_AN_ADDRESS = 120  # for any numbers: twice as many as codes
_QUESTION, _HAD_ONE = "question", "code_sent_at"


def asker_of(request: HttpRequest, *, has_answered: bool = False) -> Asker:
    """Who asks for a code."""
    sent_at = request.session.get(_HAD_ONE, 0)
    has_had_one = clock.now().timestamp() - sent_at < DAY.total_seconds()
    return Asker(client_address(request), has_had_one=has_had_one, has_answered=has_answered)


def note_code(session: SessionBase) -> None:
    """A code was sent for this session: the next one asks, whatever number it goes to."""
    session[_HAD_ONE] = int(clock.now().timestamp())


def wait_of(session: SessionBase, *, has_more: bool) -> dict[str, object]:
    """For the page of the code: from when another one may be sent (R04), as a time and as seconds; {} once it may."""
    if not has_more:
        return {"no_more": True}
    resend_at = datetime.fromtimestamp(session.get(_HAD_ONE, 0), UTC) + RESEND_AFTER
    left = (resend_at - clock.now()).total_seconds()
    return {"resend_at": resend_at, "resend_in": ceil(left)} if left > 0 else {}


def ask_first(
    request: HttpRequest, *, key: bytes, send: Callable[[Asker], None], then: str, context: dict[str, object]
) -> HttpResponse:
    """The page of the question. With the right answer `send` sends the code, and `then` follows."""
    form = QuestionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _use_up(request, form.cleaned_data["answer"], key)
            send(asker_of(request, has_answered=True))
            return redirect(then)
        except Refused as refusal:
            form.refuse(refusal_words(refusal))
    form["answer"].label = _current(request.session)
    return render(request, "accounts/question.html", {"form": form, **context})


def _current(session: SessionBase) -> str:
    """The words of this session's question; a new one where none is left that counts."""
    kept = session.get(_QUESTION)
    if not kept or _is_over(kept):
        ends_at = (clock.now() + LIFE).timestamp()
        kept = session[_QUESTION] = {"id": ids.nonce(), "asked": captcha.ask(), "ends_at": ends_at}
    return captcha.words(kept["asked"])


def _is_over(kept: dict[str, float]) -> bool:
    return clock.now().timestamp() >= kept["ends_at"]


def _use_up(request: HttpRequest, said: str, key: bytes) -> None:
    """Judge an answer; the question is gone by it, right or wrong. Raises Refused:

    `too_many_answers` (at), `question_over`, `wrong_answer`.
    """
    _refuse_too_many(key, client_address(request))
    kept = request.session.pop(_QUESTION, None)
    if not kept or _is_over(kept):
        raise Refused("question_over")
    # the session is written when the request ends: of two answers that arrive together one counts
    if not limiter.take(f"question:{kept['id']}", limit=1, period=LIFE).allowed:
        raise Refused("question_over")
    if not captcha.is_right(kept["asked"], said):
        raise Refused("wrong_answer")


def _refuse_too_many(key: bytes, address: str) -> None:
    place = hashlib.sha256(address.encode()).hexdigest()[:32]
    for name, limit in ((f"answer:{key.hex()}:{place}", AN_HOUR_A_NUMBER), (f"answer:{place}", AN_HOUR_AN_ADDRESS)):
        verdict = limiter.take(name, limit=limit, period=HOUR)
        if not verdict.allowed:
            raise Refused("too_many_answers", at=verdict.retry_at)
