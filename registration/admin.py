"""Reference tables that staff keep: places, types, groups, agencies. Registrations are nobody's to edit (RG-1)."""

from django.contrib import admin

from registration.models import Agency, InsuranceType, PopulationGroup, Region


@admin.register(Region)
class Regions(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("code", "name", "name_en", "parent")
    search_fields = ("code", "name")


@admin.register(InsuranceType)
class InsuranceTypes(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("code", "name", "name_en", "unit", "order")


@admin.register(PopulationGroup)
class PopulationGroups(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("code", "name", "name_en")


@admin.register(Agency)
class Agencies(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("code", "name", "kind", "region", "phone")
    list_filter = ("kind",)
    search_fields = ("code", "name")
