"""`am`: the API as a client sees it, over the real doors, on this machine's clock."""

import pytest

from alerts import admission
from alerts.store import memory
from sources import intake
from tests.alerts.alertmanager.client import Api
from tests.factories import DestinationFactory, PolicyFactory, RouteFactory, SeverityFactory


@pytest.fixture(autouse=True)
def nothing_remembered():
    memory.forget()
    admission.forget()
    intake.refusals.forget()


@pytest.fixture
def policy(db):
    policy = PolicyFactory(key="default")
    SeverityFactory(policy=policy, key="critical", rank=0)
    SeverityFactory(policy=policy, key="warning", rank=1, page=False)
    RouteFactory(
        policy=policy, match={"severity": ["critical"]}, default=False, carry_on=True,
        destinations=[DestinationFactory(policy=policy, key="chat:ops")],
    )  # fmt: skip
    RouteFactory(
        policy=policy, match={"labels": {"team": ["shop", "cart"]}}, default=False, position=1,
        destinations=[DestinationFactory(policy=policy, key="chat:shop")],
    )  # fmt: skip
    RouteFactory(policy=policy, position=2, destinations=[DestinationFactory(policy=policy, key="mail:all")])
    return policy


@pytest.fixture
def am(policy) -> Api:
    return Api()
