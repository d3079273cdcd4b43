"""`manage.py setup_roles`: the groups of staff and what each may keep. Running again changes nothing."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand
from django.utils.translation import gettext_noop as _

KEEPS = {
    _("征缴员"): ["core.calendarday", "core.calendaryear", "registration.agency", "payments.channel"],
    _("复核员"): ["core.calendarday", "core.calendaryear", "payments.channel", "payments.payeeaccount",
               "payments.payeeroute", "reconciliation.statementagreement"],
    _("查看"): [],
}  # fmt: skip
LOOKS_AT = ["registration.region", "registration.insurancetype", "registration.populationgroup",
            "registration.agency", "payments.channel", "payments.payeeaccount", "payments.payeeroute",
            "core.calendarday", "core.calendaryear", "reconciliation.statementagreement"]  # fmt: skip


class Command(BaseCommand):
    help = "Make the groups of staff: 征缴员, 复核员, 查看."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, kept in KEEPS.items():
            group, _made = Group.objects.get_or_create(name=name)
            wanted = [f"view:{one}" for one in LOOKS_AT]
            wanted += [f"{verb}:{one}" for one in kept for verb in ("add", "change")]
            group.permissions.set(filter(None, map(permission, wanted)))
        self.stdout.write(f"{len(KEEPS)} groups are set up.")


def permission(text: str) -> Permission | None:
    """`change:payments.channel` as Django's permission row."""
    verb, _colon, place = text.partition(":")
    app, model = place.split(".")
    return Permission.objects.filter(content_type__app_label=app, codename=f"{verb}_{model}").first()
