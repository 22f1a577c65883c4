from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, StackedInline, TabularInline

from . import action_admin
from .models import (
    ActionItem,
    ContributingFactor,
    JoinedIncident,
    PostIncidentReview,
    ReviewAnswer,
    ReviewComment,
    Reviewer,
    ReviewVersion,
)

__all__ = ["action_admin"]  # action items have a file of their own


class AnswerInline(StackedInline):
    model = ReviewAnswer
    fields = ["section", "prompt", "kind", "required", "text"]
    readonly_fields = ["section", "prompt", "kind", "required"]
    extra = 0
    tab = True

    def has_add_permission(self, request, obj=None):
        return False  # questions come from the policy


class FactorInline(TabularInline):
    model = ContributingFactor
    extra = 0
    tab = True


class ReviewerInline(TabularInline):
    model = Reviewer
    fields = ["contact", "asked_at", "verdict", "verdict_at", "note"]
    readonly_fields = ["verdict", "verdict_at", "note"]
    autocomplete_fields = ["contact"]
    extra = 0
    tab = True


class JoinedInline(TabularInline):
    model = JoinedIncident
    readonly_fields = ["incident", "at", "by"]
    extra = 0
    tab = True

    def has_add_permission(self, request, obj=None):
        return False  # joined on the page of the review, where the incident is read


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
    list_display = ["incident", "status", "author", "due_at", "overdue_at", "meeting_at", "approver", "page"]
    list_filter = ["status", ("overdue_at", admin.EmptyFieldListFilter), ("public_at", admin.EmptyFieldListFilter)]
    list_select_related = ["incident", "author", "approver"]
    search_fields = ["=incident__id", "author__name"]
    autocomplete_fields = ["incident", "author"]
    exclude = ["drafted", "figures", "public_key"]
    readonly_fields = [
        "status", "template", "approver", "filled_at", "submitted_at", "approved_at", "published_at", "overdue_at",
        "remind_at", "skip_reason", "skipped_by", "skipped_at", "public_at", "public_by",
    ]  # fmt: skip
    inlines = [AnswerInline, FactorInline, ReviewerInline, JoinedInline, ActionInline]

    @admin.display(description="page")
    def page(self, review):
        return format_html('<a href="{}">Open</a>', reverse("review", args=[review.pk]))


@admin.register(ReviewAnswer)
class ReviewAnswerAdmin(ModelAdmin):
    list_display = ["review", "position", "prompt", "required"]
    list_select_related = ["review"]
    search_fields = ["=review__incident__id", "key"]


@admin.register(ContributingFactor)
class ContributingFactorAdmin(ModelAdmin):
    list_display = ["text", "category", "review"]
    list_select_related = ["review"]
    search_fields = ["text", "category"]
    autocomplete_fields = ["review"]


@admin.register(ReviewComment)
class ReviewCommentAdmin(ModelAdmin):
    list_display = ["text", "by", "at", "review", "settled_at"]
    list_filter = [("settled_at", admin.EmptyFieldListFilter)]
    list_select_related = ["by", "review"]
    search_fields = ["=review__incident__id", "by__name"]
    autocomplete_fields = ["review", "by"]
    readonly_fields = ["answer", "settled_by"]


@admin.register(ReviewVersion)
class ReviewVersionAdmin(ReadOnlyAdmin):
    list_display = ["review", "number", "why", "by", "at"]
    list_select_related = ["review", "by"]
    search_fields = ["=review__incident__id"]
