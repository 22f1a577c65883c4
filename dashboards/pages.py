"""The pages of dashboards: which there are, one with all its panels, and one panel alone. Nothing is asked."""

from django.contrib.auth.decorators import login_required, permission_required
from django.shortcuts import get_object_or_404, render

from .models import Dashboard, Panel

MAY = "dashboards.view_dashboard"


@login_required
@permission_required(MAY, raise_exception=True)
def dashboard_list(request):
    rows = Dashboard.objects.select_related("policy").order_by("policy__name", "position", "pk")
    return render(request, "dashboards/list.html", {"dashboards": rows})


@login_required
@permission_required(MAY, raise_exception=True)
def dashboard(request, policy: str, key: str):
    found = get_object_or_404(Dashboard.objects.select_related("policy"), policy__key=policy, key=key)
    return render(request, "dashboards/dashboard.html", {"dashboard": found})


@login_required
@permission_required(MAY, raise_exception=True)
def panel(request, policy: str, key: str, panel: str):
    rows = Panel.objects.select_related("dashboard__policy")
    found = get_object_or_404(rows, dashboard__policy__key=policy, dashboard__key=key, key=panel)
    return render(request, "dashboards/panel.html", {"panel": found})
