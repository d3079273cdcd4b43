"""Addresses of log-in."""

from django.urls import path

from portal.accounts import viewing, views

app_name = "accounts"
urlpatterns = [
    path("login/", views.login, name="login"),
    path("login/first/", views.real_name, name="real_name"),
    path("login/code/", views.code, name="code"),
    path("login/code/again/", views.resend, name="resend"),
    path("login/question/", views.question, name="question"),
    path("login/wallet/return/", views.wallet_return, name="wallet_return"),
    path("login/wallet/<slug:name>/", views.wallet, name="wallet"),
    path("login/phone/", views.missing, name="missing"),
    path("login/kept/<slug:token>/", views.kept, name="kept"),
    path("session/extend/", views.extend, name="extend"),
    path("leave/", views.leave, name="leave"),
    path("me/<int:member_id>/view/", viewing.ask, name="view_ask"),
    path("me/<int:member_id>/view/question/", viewing.question, name="view_question"),
    path("me/<int:member_id>/view/code/", viewing.code, name="view_code"),
    path("me/viewers/<int:grant_id>/", viewing.revoke, name="view_revoke"),
]
