"""Staff of the demonstration: 赵敏, 钱进 and an administrator. Passwords are made at the first start."""

import base64
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from core import ids
from core.models import User

COLLECTOR, REVIEWER = "征缴员", "复核员"
STAFF = (
    ("zhaomin", "赵敏", COLLECTOR, "371"),
    ("qianjin", "钱进", REVIEWER, "371"),
    ("admin", "管理员", "", ""),
)
_DEVICE = "default"


@dataclass(frozen=True)
class StaffLogIn:
    """What a member of staff signs in with; shown once."""

    username: str
    name: str
    role: str
    password: str
    totp_secret: str  # base 32, to be typed into an authenticator


@transaction.atomic
def load_staff(*, reset: bool) -> list[StaffLogIn]:
    """Make the accounts that are missing; `reset` gives all of them new passwords and second factors."""
    shown = []
    for username, name, role, region_prefix in STAFF:
        user = User.objects.filter(username=username).first()
        if user is not None and not reset:
            continue
        if user is None:
            user = User(username=username, name=name, region_prefix=region_prefix)
        user.is_staff, user.is_superuser = True, not role
        password = "-".join(ids.public_no()[:5].lower() for _ in range(3))
        user.set_password(password)
        user.save()
        if role:
            user.groups.add(Group.objects.get_or_create(name=role)[0])
        key = ids.token()[:40]
        TOTPDevice.objects.update_or_create(user=user, name=_DEVICE, defaults={"key": key, "confirmed": True})
        secret = base64.b32encode(bytes.fromhex(key)).decode()
        shown.append(StaffLogIn(username, name, role or "系统管理", password, secret))
    return shown
