"""Staff at their desks: accounts with a second factor, logged in through the form."""

from django.contrib.auth.models import Group
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from core import ids
from core.models import User

PASSWORD = "a-long-password-1"
KEY = "3132333435363738393031323334353637383930"


def staff(name: str, region: str = "371", group: str = "征缴员") -> User:
    user = User.objects.create_user(f"staff-{ids.nonce()}", PASSWORD, name=name, is_staff=True, region_prefix=region)
    user.groups.add(Group.objects.get_or_create(name=group)[0])
    TOTPDevice.objects.create(user=user, name="default", key=KEY, confirmed=True)
    return user


def next_code(user: User) -> str:
    """A code that the user's device has not given out yet, as if half a minute had gone by."""
    TOTPDevice.objects.filter(user=user).update(last_t=-1, throttling_failure_count=0)
    return f"{totp(bytes.fromhex(KEY)):06d}"


def log_in(user: User, code: str | None = None, password: str = PASSWORD) -> Client:
    client, fresh = Client(), next_code(user)
    said = {"username": user.username, "password": password, "code": code or fresh, "next": "/console/"}
    client.post("/console/login/", said)
    return client
