"""Who is behind a session: every guarded request asks."""

from django.contrib.auth.backends import ModelBackend

from core.models import User
from core.statements import Prepared, columns, load

_ACCOUNT = Prepared(f"SELECT {columns(User)} FROM core_user WHERE id = %s")


class Accounts(ModelBackend):
    """Django's own backend, but that the account of a session is loaded by a statement planned beforehand."""

    def get_user(self, user_id: int) -> User | None:
        found = load(User, _ACCOUNT, [user_id])
        return found[0] if found and self.user_can_authenticate(found[0]) else None
