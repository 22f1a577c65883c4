"""Who may change what of a schedule by hand."""

from dataclasses import dataclass

from .models import EscalationContact

COVER = "oncall.cover_schedule"
PLAN = "oncall.plan_schedule"


@dataclass(frozen=True)
class Rights:
    """`cover`: take turns oneself and ask for cover; `plan`: decide for everybody. `me` is the user's own contact."""

    cover: bool
    plan: bool
    me: EscalationContact | None

    def for_(self, contact: EscalationContact) -> bool:
        """Whether the user may put `contact` on call, or take him off again."""
        return self.plan or (self.cover and self.me is not None and contact.pk == self.me.pk)


def rights(user) -> Rights:
    """What `user` may do to every schedule."""
    me = EscalationContact.objects.filter(user=user, active=True).first()
    return Rights(user.has_perm(COVER) or user.has_perm(PLAN), user.has_perm(PLAN), me)
