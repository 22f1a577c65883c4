"""What may be there once for a policy, or once for all: an empty field is a value as well, on every database."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction

from tests.factories import (
    CadencePlanFactory,
    ConnectionFactory,
    DestinationFactory,
    OwnershipFactory,
    PolicyFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db


def of_level(factory):
    severity = SeverityFactory()
    return factory, {"policy": severity.policy, "severity": severity}, {"policy": severity.policy, "severity": None}


def of_policy(factory):
    return factory, {"policy": PolicyFactory(), "key": "main"}, {"policy": None, "key": "main"}


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize(
    ("described", "factory"),
    [
        (of_level, CadencePlanFactory),
        (of_level, OwnershipFactory),
        (of_policy, ConnectionFactory),
        (of_policy, DestinationFactory),
    ],
)
def test_a_second_one_is_refused_and_forms_say_why(described, factory, empty):
    factory, full, bare = described(factory)
    given, other = (bare, full) if empty else (full, bare)
    factory(**given)
    with pytest.raises(IntegrityError), transaction.atomic():
        factory(**given)
    factory(**other)  # the one and the other stand beside each other
    with pytest.raises(ValidationError) as refused:
        factory.build(**given).validate_constraints()
    assert "already" in str(refused.value)


def test_the_database_keeps_all_that_the_models_demand(capsys):
    call_command("check", "--database", "default", "--fail-level", "WARNING")
    assert "no issues" in capsys.readouterr().out
