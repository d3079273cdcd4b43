"""Text that is the same for everybody is kept (portal/same_for_all.py); what is anybody's own never is."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template import Context, Engine, Node, NodeList
from django.utils import translation

from portal.same_for_all import SameForAll

PAGE = (
    "{% load i18n %}<p>{% translate '首页' %}{% if who %}<a href=\"{% url 'pages:me' %}\">{% translate '我的' %}</a>"
    "{{ who }}{% endif %}</p>{% for each in many %}{{ each }}{% translate '、' %}{% endfor %}"
    "{% url 'pages:order' who as address %}{% translate '设置' as word %}{{ word }}"
)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    (tmp_path / "page.html").write_text(PAGE)
    sources = ["django.template.loaders.filesystem.Loader"]
    return Engine(
        dirs=[str(tmp_path)],
        loaders=[("portal.same_for_all.Loader", sources)],
        libraries={"i18n": "django.templatetags.i18n"},
    )


def rendered(engine: Engine, language: str, **values: Any) -> str:
    with translation.override(language):
        return engine.get_template("page.html").render(Context(values))


def test_a_kept_page_speaks_the_language_and_of_the_person_of_each_request(engine: Engine) -> None:
    for _ in range(2):
        assert rendered(engine, "zh-hans", who="王芳", many="甲乙") == (
            '<p>首页<a href="/me/">我的</a>王芳</p>甲、乙、设置'
        )
        assert rendered(engine, "en", who="<b>", many="") == '<p>Home<a href="/me/">My page</a>&lt;b&gt;</p>Settings'
        assert rendered(engine, "zh-hans") == "<p>首页</p>设置"


def test_pages_of_the_portal_are_put_together() -> None:
    assert settings.TEMPLATES[0]["OPTIONS"]["loaders"][0][0] == "portal.same_for_all.Loader"


def test_only_what_nobody_can_change_is_kept(engine: Engine) -> None:
    kept = [type(inner).__name__ for node in _kept(engine.get_template("page.html").nodelist) for inner in node.nodes]
    assert set(kept) == {"LoadNode", "TextNode", "TranslateNode", "URLNode"}
    assert kept.count("TranslateNode") == 3
    assert kept.count("URLNode") == 1


def _kept(nodes: NodeList) -> list[SameForAll]:
    def walk(node: Node) -> list[SameForAll]:
        inner = [each for nodes in getattr(node, "conditions_nodelists", []) for each in nodes[1]]
        inner += [each for name in node.child_nodelists for each in getattr(node, name, None) or []]
        return ([node] if isinstance(node, SameForAll) else []) + [found for each in inner for found in walk(each)]

    return list(dict.fromkeys(found for node in nodes for found in walk(node)))
