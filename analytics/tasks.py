"""What the engine is handed for tuning."""

from django.utils import timezone

from opscenter.engine import task

from . import threshold_reviews


@task
def review_thresholds() -> str:
    """Make the reviews of the month that is over; tells how many."""
    return f"Threshold reviews made: {len(threshold_reviews.make(at=timezone.now()))}."
