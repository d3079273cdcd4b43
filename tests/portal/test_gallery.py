"""The gallery holds every page: no template goes unmeasured."""

import pytest
from django.conf import settings

from tests.portal.gallery import make_gallery
from tests.portal.visiting import DESKTOP, PHONE, Visitor


@pytest.mark.django_db
def test_every_template_hangs_in_the_gallery(carriers, rendered) -> None:
    gallery = make_gallery(carriers, phone=True)
    for shown in gallery.pages:
        for agent in () if shown.html else (PHONE, DESKTOP):
            visitor = Visitor(None if shown.visitor else gallery.family.payer, agent)
            answer = visitor.client.get(shown.path)
            wanted = 404 if shown.name == "not_found" else 200
            assert answer.status_code == wanted, f"{shown.name} leads to {answer.headers.get('Location')}"
    folder = settings.BASE_DIR / "templates"
    every = {str(path.relative_to(folder)) for path in folder.rglob("*.html")}
    residents = {name for name in every if not name.startswith(("console/", "admin/", "registration/"))}
    assert residents - rendered == set()
