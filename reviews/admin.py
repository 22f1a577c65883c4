from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from opscenter.admin import ModelAdmin, StackedInline, TabularInline

from . import action_admin
from .models import ActionItem, PostIncidentReview, ReviewAnswer

__all__ = ["action_admin"]  # action items have a file of their own


class AnswerInline(StackedInline):
    model = ReviewAnswer
    extra = 0
    tab = True


class ActionInline(TabularInline):
    model = ActionItem
    fields = ["title", "category", "priority", "owner", "due_on", "state"]
    readonly_fields = ["state"]
    autocomplete_fields = ["owner"]
    show_change_link = True
    extra = 0
    tab = True


@admin.register(PostIncidentReview)
class PostIncidentReviewAdmin(ModelAdmin):
    list_display = ["incident", "status", "author", "due_at", "overdue_at", "approver", "page"]
    list_filter = ["status"]
    list_select_related = ["incident", "author", "approver"]
    search_fields = ["=incident__id", "author__name"]
    autocomplete_fields = ["incident", "author"]
    readonly_fields = ["status", "approver", "submitted_at", "approved_at", "overdue_at", "remind_at"]
    inlines = [AnswerInline, ActionInline]

    @admin.display(description="page")
    def page(self, review):
        return format_html('<a href="{}">Open</a>', reverse("review", args=[review.pk]))


@admin.register(ReviewAnswer)
class ReviewAnswerAdmin(ModelAdmin):
    list_display = ["review", "position", "prompt", "required"]
    list_select_related = ["review"]
    search_fields = ["=review__incident__id", "key"]
