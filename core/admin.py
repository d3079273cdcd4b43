"""Reference tables of the ground that staff keep: working days."""

from django.contrib import admin
from django.http import HttpRequest

from core import clock
from core.models import CalendarDay, CalendarYear


class Calendar(admin.ModelAdmin):  # type: ignore[type-arg]
    """Days that differ from Monday to Friday; a change is everywhere within a minute."""

    list_display = ("on", "working_word", "note", "source")
    search_fields = ("on", "note")
    ordering = ("-on",)

    @admin.display(description="工作日")
    def working_word(self, day: CalendarDay) -> str:
        """In words: a tick would look good for a lost holiday."""
        return "上班" if day.is_working else "放假"

    def save_model(self, request: HttpRequest, obj: CalendarDay, form: object, change: bool) -> None:
        super().save_model(request, obj, form, change)
        clock.forget_everything_kept()


@admin.register(CalendarYear)
class PublishedYears(admin.ModelAdmin):  # type: ignore[type-arg]
    """Years whose official list has been entered in full."""

    list_display = ("year", "source")
    ordering = ("-year",)


admin.site.register(CalendarDay, Calendar)
