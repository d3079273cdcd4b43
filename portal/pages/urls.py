"""Addresses of residents' pages."""

from django.urls import path

from portal.pages import family, help, home, preferences
from portal.pages.paths import paying_paths

app_name = "pages"
urlpatterns = [
    path("", home.home, name="home"),
    path("me/", family.me, name="me"),
    path("me/add/", family.add_person, name="add_person"),
    path("me/<int:member_id>/remove/", family.remove_person, name="remove_person"),
    path("me/<int:member_id>/relation/", family.relation, name="relation"),
    path("help/", help.help_page, name="help"),
    path("settings/", preferences.settings_page, name="settings"),
    path("settings/elder/", preferences.elder, name="elder"),
    path("accessibility/", preferences.accessibility, name="accessibility"),
    *paying_paths,
]
