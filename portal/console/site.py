"""The staff console's site."""

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class Console(AdminSite):
    """One AdminSite for reference data, browsing and work (HOUSE 5)."""

    site_header = site_title = _("征缴管理台")
    enable_nav_sidebar = False
