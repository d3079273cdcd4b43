from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """The staff console is the one AdminSite."""

    default_site = "portal.console.site.Console"
