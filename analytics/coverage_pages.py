"""The page of coverage: which services have no rule, runbook, owner, schedule or drill."""

import csv

from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from . import coverage

PER_PAGE, MOST_ROWS = 50, 10_000


@login_required
@permission_required("alerts.view_alertrule", raise_exception=True)
def coverage_page(request):
    """Every service with what covers it; as a page or as CSV."""
    at, gap = timezone.now(), request.GET.get("gap", "")
    gap = gap if gap in coverage.GAPS or gap == "any" else ""
    rows = coverage.services(at=at, gap=gap)
    if request.GET.get("format") == "csv":
        return _csv(coverage.covered(rows[:MOST_ROWS]))
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    totals = coverage.totals(at=at)
    figures = [(name, label, totals[name]) for name, label in coverage.GAPS.items()]
    context = {
        "page": page, "rows": coverage.covered(page.object_list), "gap": gap, "figures": figures, "all": totals["all"],
        "wanted": [(coverage.GAPS[name], words) for name, words in coverage.WANTED.items()], "at": at,
        "tab": "coverage",
    }  # fmt: skip
    return render(request, "figures/coverage.html", context)


def _csv(rows: list[coverage.Covered]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="coverage.csv"'
    write = csv.writer(response)
    write.writerow(["service", "rules", "rules without a runbook", "runbooks", "owners", "steps with a schedule",
                    "last drill", "missing"])  # fmt: skip
    for row in rows:
        last = row.drilled_at.isoformat() if row.drilled_at else ""
        write.writerow([row.service.key, row.rules, row.bare, row.runbooks, row.owners, row.steps, last,
                        " ".join(row.gaps)])  # fmt: skip
    return response
