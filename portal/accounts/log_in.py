"""Who somebody is, step by step (ID-5): what he said waits, sealed, in the session until it is proved."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.contrib.auth import login
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import Case, When
from django.http import HttpRequest

from core import clock, limiter
from core.identity import fold_name
from core.models import User
from core.refusals import Refused
from core.sealed import blind_index, seal, unseal
from portal.carriers import CarrierUnreachable, RealName, check_real_name
from registration.family import ensure_self
from registration.models import FamilyMember

CHECKS_A_DAY = 5  # X5: real-name checks of one number from one address; another address is not shut out (X8)
CHECKS_AN_HOUR = 60  # of any numbers from one address
_KEY = "claim"
_WAITING = "claim_waiting"
_BACKEND = "portal.accounts.backend.Accounts"


@dataclass(frozen=True)
class Claim:
    """What somebody says of himself. `proved_by`: the carrier or a wallet; '' while only a phone is named."""

    phone: str = ""
    name: str = ""
    document_type: str = ""
    number: str = ""
    proved_by: str = ""


def keep_claim(session: SessionBase, claim: Claim, *, waiting: bool = False) -> None:
    """Seal the claim into the session; `waiting`: beside the one that has its code, until a question is answered."""
    tag = _session_tag(session)
    if not waiting:
        session.pop(_WAITING, None)
    sealed = {name: seal(text, field=f"session.{name}", index=tag) for name, text in asdict(claim).items()}
    session[_WAITING if waiting else _KEY] = sealed


def read_claim(session: SessionBase, *, waiting: bool = False) -> Claim | None:
    """The claim of this session, or None; `waiting`: the one for which a question has to be answered."""
    kept = session.get(_WAITING if waiting else _KEY)
    if not kept:
        return None
    tag = _session_tag(session)
    return Claim(**{name: unseal(text, field=f"session.{name}", index=tag) for name, text in kept.items()})


def _session_tag(session: SessionBase) -> bytes:
    if not session.session_key:
        session.create()
    return blind_index("name", str(session.session_key))


def prove_by_carrier(claim: Claim, *, address: str) -> Claim:
    """Ask the carrier whether name, document and phone belong together.

    Raises Refused: `too_many_checks` (at), `no_match` (one answer for every mismatch), `carrier_away`.
    """
    place = hashlib.sha256(address.encode()).hexdigest()[:32]
    for key, limit, period in (
        (f"real-name:{blind_index('number', claim.number).hex()}:{place}", CHECKS_A_DAY, timedelta(days=1)),
        (f"real-name-address:{place}", CHECKS_AN_HOUR, timedelta(hours=1)),
    ):
        verdict = limiter.take(key, limit=limit, period=period)
        if not verdict.allowed:
            raise Refused("too_many_checks", at=verdict.retry_at)
    try:
        answer = check_real_name(
            name=claim.name, document_type=claim.document_type, document_no=claim.number, phone=claim.phone
        )
    except CarrierUnreachable as problem:
        raise Refused("carrier_away") from problem
    if answer is RealName.UNAVAILABLE:
        raise Refused("carrier_away")
    if answer is not RealName.MATCH:
        raise Refused("no_match")
    return Claim(**(asdict(claim) | {"proved_by": User.RealNameBy.CARRIER.value}))


def is_known_phone(phone: str) -> bool:
    """Whether a real-named account hangs on this phone."""
    return _owner_of(phone) is not None


def _owner_of(phone: str) -> User | None:
    """The account whose phone this is; of two that share one, whom the carrier named, then who came last."""
    by_carrier = Case(When(real_named_by=User.RealNameBy.CARRIER, then=0), default=1)
    return (
        User.objects.filter(phone_index=blind_index("phone", phone), is_staff=False, is_active=True)
        .exclude(number_index=None)
        .order_by(by_carrier, "-real_named_at")
        .first()
    )


@transaction.atomic
def finish(request: HttpRequest, claim: Claim) -> User:
    """Log the proved person in under a new session. Raises Refused `unknown` where only a phone is known."""
    user = _account(claim) if claim.proved_by else _owner_of(claim.phone)
    if user is None:
        raise Refused("unknown")
    ensure_self(payer=user)
    for slot in (_KEY, _WAITING):
        request.session.pop(slot, None)
    login(request, user, backend=_BACKEND)
    request.session["began_at"] = request.session["seen_at"] = int(clock.now().timestamp())
    return user


def _account(claim: Claim) -> User:
    """The account of this number, made or brought up to date with what was proved."""
    number, phone = blind_index("number", claim.number), blind_index("phone", claim.phone)
    user, is_new = User.objects.get_or_create(
        number_index=number,
        defaults={
            "number_sealed": seal(claim.number, field="core_user.number_sealed", index=number),
            "password": make_password(None),
        },
    )
    if not is_new and (user.is_staff or not user.is_active):
        raise Refused("unknown")
    if not is_new and fold_name(user.name) != fold_name(claim.name):
        _forget_old_self(user)
    user.name, user.document_type = claim.name, claim.document_type
    user.real_named_by, user.real_named_at = claim.proved_by, clock.now()
    if claim.phone:
        user.phone_index = phone
        user.phone_sealed = seal(claim.phone, field="core_user.phone_sealed", index=phone)
    user.save()
    if claim.proved_by == User.RealNameBy.CARRIER:  # the number went to him: it is nobody else's any more
        User.objects.filter(phone_index=phone).exclude(pk=user.pk).update(phone_index=None, phone_sealed="")
    return user


def _forget_old_self(user: User) -> None:
    """After a proved change of name the list begins with the new one (ID-4)."""
    FamilyMember.objects.filter(payer=user, relation=FamilyMember.Relation.SELF, removed_at__isnull=True).update(
        removed_at=clock.now()
    )
