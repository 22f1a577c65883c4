"""The OpenAPI document against what is really answered: drawn requests find nothing that it does not say."""

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test

from api.document import document
from opscenter.wsgi import application

pytestmark = pytest.mark.django_db
schema = schemathesis.openapi.from_dict(document())
schema.app = application
METHODS = {"get", "put", "post", "patch", "delete"}
OPERATIONS = [(path, method) for path, known in document()["paths"].items() for method in sorted(METHODS & set(known))]
MODES = [HypothesisTestMode.EXAMPLES, HypothesisTestMode.COVERAGE, HypothesisTestMode.FUZZING]


@pytest.fixture(autouse=True)
def connection_of_the_test():
    """A request over WSGI would close the connection in whose transaction the test runs."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda word: word)
def test_every_answer_is_as_the_document_says(path, method, api, world):
    """Each edge of what the document allows, and what is drawn at random."""

    # made here and not by the decorator of the library, which makes the cases of all operations in every worker
    @seed(20261123)
    @settings(
        max_examples=2, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def answers(case):
        area = case.path.split("/")[3]
        if case.meta.generation.mode.is_positive and case.path_parameters:  # those drawn are nearly never there
            case.path_parameters = {name: str(world[area]) for name in case.path_parameters}
        case.call_and_validate(headers={"Authorization": "Bearer ops_all"})

    create_test(
        operation=schema[path][method.upper()],
        test_func=answers,
        config=HypothesisTestConfig(project=schema.config, modes=MODES),
    )()
