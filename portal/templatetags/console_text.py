"""Codes of records as words, in templates of the console."""

from django import template

from portal.console.record_words import outcome_word, source_word

register = template.Library()
register.filter("source_word", source_word)
register.filter("outcome_word", outcome_word)
