from collections.abc import Sequence

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from incidents.admin.incident import OfSeen
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


Status = PostIncidentReview.Status


class WhileDraft:
    """What is changed here only as long as its review is a draft: what was submitted has versions, and its page."""

    of: str | Sequence[str] = ("review__incident", "review__joined__incident")

    # what `super()` has comes with the admin class that this stands before, so mypy is told to look away below
    def is_open(self, row) -> bool:
        review = getattr(row, "review", row)
        return review is None or review.status == Status.DRAFT

    def has_change_permission(self, request, obj=None):
        return self.is_open(obj) and super().has_change_permission(request, obj)  # type: ignore[misc]


class InDraft(WhileDraft):
    """The same for the parts that stand on the review's own page of the admin."""

    def has_add_permission(self, request, obj=None):
        return self.is_open(obj) and super().has_add_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request, obj=None):
        return self.is_open(obj) and super().has_delete_permission(request, obj)  # type: ignore[misc]


class PartOfRecord(WhileDraft, OfSeen, ModelAdmin):
    """A part of what the review says; it goes with the whole review, as long as no version of that is kept."""

    def has_delete_permission(self, request, obj=None):
        kept = obj is not None and obj.review.versions.exists()
        return obj is not None and not kept and super().has_delete_permission(request, obj)

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "review":
            kwargs["queryset"] = PostIncidentReview.objects.filter(status=Status.DRAFT)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class AnswerInline(InDraft, StackedInline):
    model = ReviewAnswer
    fields = ["section", "prompt", "kind", "required", "text"]
    readonly_fields = ["section", "prompt", "kind", "required"]
    extra = 0
    tab = True

    def has_add_permission(self, request, obj=None):
        return False  # questions come from the policy


class FactorInline(InDraft, TabularInline):
    model = ContributingFactor
    extra = 0
    tab = True


class ReviewerInline(InDraft, TabularInline):
    model = Reviewer
    fields = ["contact", "asked_at", "verdict", "verdict_at", "note"]
    readonly_fields = ["verdict", "verdict_at", "note"]
    autocomplete_fields = ["contact"]
    extra = 0
    tab = True


class JoinedInline(InDraft, TabularInline):
    model = JoinedIncident
    readonly_fields = ["incident", "at", "by"]
    extra = 0
    tab = True

    def has_add_permission(self, request, obj=None):
        return False  # joined on the page of the review, where the incident is read


class ActionInline(InDraft, TabularInline):
    model = ActionItem
    fields = ["title", "category", "priority", "owner", "due_on", "state"]
    readonly_fields = ["state"]
    autocomplete_fields = ["owner"]
    show_change_link = True
    extra = 0
    tab = True


@admin.register(PostIncidentReview)
class PostIncidentReviewAdmin(WhileDraft, OfSeen, ModelAdmin):
    """A draft may be put right here; its deadline and what everybody may read change on its page alone, on record."""

    of = ("incident", "joined__incident")
    list_display = ["incident", "status", "author", "due_at", "overdue_at", "meeting_at", "approver", "page"]
    list_filter = ["status", ("overdue_at", admin.EmptyFieldListFilter), ("public_at", admin.EmptyFieldListFilter)]
    list_select_related = ["incident", "author", "approver"]
    search_fields = ["=incident__id", "author__name"]
    autocomplete_fields = ["incident", "author"]
    exclude = ["drafted", "figures", "public_key"]
    readonly_fields = [
        "status", "template", "approver", "filled_at", "submitted_at", "approved_at", "published_at", "overdue_at",
        "remind_at", "skip_reason", "skipped_by", "skipped_at", "public_title", "public_text",
        "public_at", "public_by",
    ]  # fmt: skip
    inlines = [AnswerInline, FactorInline, ReviewerInline, JoinedInline, ActionInline]

    def get_readonly_fields(self, request, obj=None):
        return [*self.readonly_fields, *(["page", "incident", "due_at"] if obj else [])]

    @admin.display(description="page")
    def page(self, review):
        return format_html('<a href="{}">Open</a>', reverse("review", args=[review.pk]))


@admin.register(ReviewAnswer)
class ReviewAnswerAdmin(PartOfRecord):
    list_display = ["review", "position", "prompt", "required"]
    list_select_related = ["review"]
    search_fields = ["=review__incident__id", "key"]


@admin.register(ContributingFactor)
class ContributingFactorAdmin(PartOfRecord):
    list_display = ["text", "category", "review"]
    list_select_related = ["review"]
    search_fields = ["text", "category"]
    autocomplete_fields = ["review"]


@admin.register(ReviewComment)
class ReviewCommentAdmin(WhileDraft, OfSeen, ModelAdmin):
    list_display = ["text", "by", "at", "review", "settled_at"]
    list_filter = [("settled_at", admin.EmptyFieldListFilter)]
    list_select_related = ["by", "review"]
    search_fields = ["=review__incident__id", "by__name"]
    autocomplete_fields = ["review", "by"]
    readonly_fields = ["answer", "settled_by"]


@admin.register(ReviewVersion)
class ReviewVersionAdmin(OfSeen, ReadOnlyAdmin):
    of = WhileDraft.of
    list_display = ["review", "number", "why", "by", "at"]
    list_select_related = ["review", "by"]
    search_fields = ["=review__incident__id"]
