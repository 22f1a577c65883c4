"""Each factory builds a valid object."""

import factory
import pytest

from tests import factories

FACTORIES = [
    cls
    for name, cls in vars(factories).items()
    if name.endswith("Factory") and issubclass(cls, factory.django.DjangoModelFactory) and cls._meta.model
]


@pytest.mark.django_db
@pytest.mark.req("CARD-10")
@pytest.mark.parametrize("cls", FACTORIES, ids=lambda cls: cls.__name__)
def test_the_factory_builds_a_valid_object(cls):
    built = cls()
    built.full_clean(exclude=["identity"])
    assert type(built).objects.filter(pk=built.pk).exists()


@pytest.mark.django_db
def test_every_model_of_ours_has_a_factory():
    from django.apps import apps

    ours = {"opscenter", "packs", "alerts", "reviews", "incidents", "oncall", "notifications", "channels_health",
            "sources", "policies", "api", "status"}  # fmt: skip
    models = {m for m in apps.get_models() if m._meta.app_label in ours}
    assert models - {cls._meta.model for cls in FACTORIES} == set()
