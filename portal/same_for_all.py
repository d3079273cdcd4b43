"""What stands in templates for everybody alike is rendered once for each language and kept as text.

Templates stay as they are: once one is compiled, its loader puts runs of plain text, `{% translate %}`, `{% static %}`
and `{% url %}` of fixed names together. Most of a page is such text, and looking each piece up anew cost more than
finding out what the page has to say.
"""

from collections.abc import Iterator
from itertools import groupby

from django.template import Context, Node, NodeList, Template
from django.template.base import FilterExpression, Origin, TextNode
from django.template.defaulttags import IfNode, LoadNode, URLNode
from django.template.loaders import base, cached
from django.templatetags.i18n import TranslateNode
from django.templatetags.static import StaticNode
from django.urls import get_script_prefix
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

Key = tuple[str | None, str, bool]


class SameForAll(Node):
    """A run of nodes that no visitor and no data can change."""

    child_nodelists = ()

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self._has_addresses = any(isinstance(node, URLNode | StaticNode) for node in nodes)
        self.kept: dict[Key, SafeString] = {}

    def render(self, context: Context) -> SafeString:
        key = get_language(), get_script_prefix() if self._has_addresses else "", context.autoescape
        text = self.kept.get(key)
        if text is None:
            text = self.kept[key] = mark_safe("".join(node.render(context) for node in self.nodes))  # noqa: S308
        return text


class _Joining(base.Loader):
    def get_template(self, template_name: str, skip: list[Origin] | None = None) -> Template:
        template = super().get_template(template_name, skip)
        _join(template.nodelist)
        return template


class Loader(cached.Loader, _Joining):
    """Django's cached loader, keeping templates whose runs are put together."""


def _join(nodes: NodeList) -> None:
    joined: list[Node] = []
    for is_same, run in groupby(nodes, _is_same_for_all):
        found = list(run)
        joined += [SameForAll(found)] if is_same and any(type(node) is not TextNode for node in found) else found
    nodes[:] = joined
    for node in joined:
        for inner in _inside(node):
            _join(inner)


def _inside(node: Node) -> Iterator[NodeList]:
    if isinstance(node, IfNode):
        yield from (inner for _condition, inner in node.conditions_nodelists)
        return
    for name in node.child_nodelists:
        inner = getattr(node, name, None)
        if isinstance(inner, NodeList):
            yield inner


def _is_same_for_all(node: Node) -> bool:
    if isinstance(node, TranslateNode):
        return _is_fixed(node.filter_expression) and not (node.asvar or node.message_context)
    if isinstance(node, URLNode):  # no application is mounted twice, so that the page shown does not matter
        return _is_fixed(node.view_name) and not (node.args or node.kwargs or node.asvar)
    if isinstance(node, StaticNode):
        return _is_fixed(node.path) and node.varname is None
    return isinstance(node, TextNode | LoadNode)


def _is_fixed(expression: FilterExpression) -> bool:
    """Whether it is a word in quotes, without filters."""
    found = expression.var
    return not expression.filters and (isinstance(found, str) or found.lookups is None)
