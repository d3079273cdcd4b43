"""What people read: every text is in the catalogue, in both languages, and says it in the manner of the house."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.utils.translation.template import templatize

from tests.house.source import ROOT, modules

CATALOGUE = ROOT / "locale" / "en" / "LC_MESSAGES" / "django.po"
APPS = ("core", "registration", "payments", "reconciliation", "portal")
GETTEXT = {"gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2, "ngettext_lazy": 2}
CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
LITERAL = re.compile(r"\s*u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*,?")
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|(%%)|(<[^>]+>)|(%[sd])|(#)|(→)")
BANNED = ("!", "！", "请稍后再试", "系统异常", "令牌", "报文", "温馨提示", "try again later", "oops", "sorry")
CHINESE_IN_ENGLISH = ("【社保缴费】", "简体中文")  # the carrier's signature, and how a language names itself

Text = tuple[str, ...]
"""A text as gettext asks for it: the message, or its singular and plural."""


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(CATALOGUE))


def entries(catalogue: polib.POFile) -> Iterator[tuple[Text, Text]]:
    """(what is asked for, what is answered), both of the same length."""
    for entry in catalogue:
        if entry.msgid_plural:
            yield (entry.msgid, entry.msgid_plural), tuple(entry.msgstr_plural[n] for n in sorted(entry.msgstr_plural))
        else:
            yield (entry.msgid,), (entry.msgstr,)


def texts_of_code(tree: ast.AST) -> Iterator[Text]:
    """Arguments of every call of gettext, under whatever name a module imports it."""
    called = {
        alias.asname or alias.name: GETTEXT[alias.name]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.name in GETTEXT
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in called:
            asked = node.args[: called[node.func.id]]
            assert all(isinstance(each, ast.Constant) for each in asked), f"gettext of a variable: {ast.unparse(node)}"
            yield tuple(str(each.value) for each in asked if isinstance(each, ast.Constant))


def texts_of_template(path: Path) -> Iterator[Text]:
    """The texts of `translate`, `blocktranslate` and `_()`, as Django itself hands them to gettext."""
    shown = templatize(path.read_text(), origin=str(path))
    for call in re.finditer(r"(?<![\w.])(n?)(?:gettext|_)\((?=u?['\"])", shown):
        at, found = call.end(), []
        for _ in range(2 if call.group(1) else 1):
            literal = LITERAL.match(shown[at:])
            assert literal, f"{path}: {shown[at : at + 60]}"
            found.append(str(ast.literal_eval(literal.group(1))))
            at += literal.end()
        yield tuple(found)


def templates() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.html"))


def texts_of_product() -> set[Text]:
    found = {text for module in modules(*APPS) for text in texts_of_code(module.tree)}
    return found | {text for path in templates() for text in texts_of_template(path)}


# --- the catalogue ---------------------------------------------------------------------------------------------------


def test_every_text_of_the_product_is_in_the_catalogue(catalogue: polib.POFile) -> None:
    """`script/messages` brings new texts in; docs/translate.md says how."""
    known = {asked for asked, _ in entries(catalogue)}
    wanted = texts_of_product()
    assert len(wanted) > 900
    assert sorted(wanted - known) == []
    assert sorted(known - wanted) == [], "no page says these any more"


def test_every_text_has_its_english(catalogue: polib.POFile) -> None:
    assert [asked for asked, answered in entries(catalogue) if not all(answered)] == []
    assert [entry.msgid for entry in catalogue if "fuzzy" in entry.flags] == []
    assert [entry.msgid for entry in catalogue.obsolete_entries()] == []


def test_the_compiled_catalogue_is_the_written_one(catalogue: polib.POFile) -> None:
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    assert dict(entries(compiled)) == dict(entries(catalogue))
    assert compiled.metadata["Plural-Forms"] == catalogue.metadata["Plural-Forms"] == "nplurals=2; plural=(n != 1);"


def test_both_languages_hold_the_same_placeholders(catalogue: polib.POFile) -> None:
    """Names to be filled in, percent signs and tags: what one has more would be an error or a hole on a page."""
    for asked, answered in entries(catalogue):
        if not all(answered):
            continue  # the test above names it
        shapes = [sorted(match.group() for match in PLACEHOLDER.finditer(text)) for text in (*asked, *answered)]
        assert all(shape == shapes[0] for shape in shapes), (asked, answered)


def test_one_is_said_in_the_singular(catalogue: polib.POFile) -> None:
    """A plural exists because its English differs."""
    for asked, answered in entries(catalogue):
        if len(asked) == 2:
            assert len(answered) == 2
            assert answered[0] != answered[1], asked


# --- the manner ------------------------------------------------------------------------------------------------------


def test_no_text_shouts_or_speaks_like_a_machine(catalogue: polib.POFile) -> None:
    """STYLE of texts: no exclamation marks, no “try again later” without a time, no words of the machine room."""
    for asked, answered in entries(catalogue):
        for text in (*asked, *answered):
            assert [word for word in BANNED if word in text.lower()] == [], text


def test_english_texts_hold_no_chinese(catalogue: polib.POFile) -> None:
    for asked, answered in entries(catalogue):
        for text in answered:
            for kept in CHINESE_IN_ENGLISH:
                text = text.replace(kept, "")
            assert CHINESE.search(text) is None, (asked, text)


def test_the_state_words_say_no_more_than_is_known(catalogue: polib.POFile) -> None:
    """SCREENS 2.5: what has no result is never called failed, and “no money taken” stands on a gateway's word."""
    english = dict(entries(catalogue))
    assert english[("未扣款",)] == ("No money taken",)
    assert english[("结果确认中",)] == ("Confirming the result",)
    for asked, answered in entries(catalogue):
        for text in answered:
            assert "fail" not in text.lower(), text
            assert ("没有扣款" in asked[0] or "未扣款" in asked[0] or "没扣款" in asked[0] or "不会扣款" in asked[0]
                    or "还没有扣款" in asked[0]) == ("no money" in text.lower()), (asked, text)  # fmt: skip


TAGS = (
    r'_\("[^"]*"\)',
    r"{#.*?#}",
    r"{% *comment.*?endcomment *%}",
    r"{% *blocktrans.*?endblocktrans\w* *%}",
    r"{%.*?%}",
)
NOT_SHOWN = [re.compile(tag, re.S) for tag in TAGS]


def test_templates_say_nothing_outside_the_catalogue() -> None:
    """Chinese that stands in a template untranslated would stay Chinese on every English page."""
    left = {}
    for path in templates():
        shown = path.read_text()
        for tag in NOT_SHOWN:
            shown = tag.sub("", shown)
        if found := CHINESE.findall(shown):
            left[path.name] = "".join(found)
    assert left == {}


def test_pages_and_words_say_nothing_outside_the_catalogue() -> None:
    """The same for the code that makes sentences. Docstrings are for us."""
    left = []
    for module in modules("payments/words", "portal/pages", "portal/accounts", "portal/messages"):
        said = {text for texts in texts_of_code(module.tree) for text in texts}
        docs = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docs:
                continue
            if CHINESE.search(node.value) and node.value not in said | PUNCTUATION:
                left.append(f"{module.name}:{node.lineno} {node.value}")
    assert left == []


PUNCTUATION = {"。.", "）"}  # cut off or looked for, never said
