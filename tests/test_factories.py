"""Each factory builds a valid object."""

from pathlib import Path

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

    root = Path(__file__).resolve().parents[1]
    ours = [one for one in apps.get_app_configs() if Path(one.path).parent == root]
    assert len(ours) > 15
    models = {model for one in ours for model in one.get_models()}
    assert models - {cls._meta.model for cls in FACTORIES} == set()
