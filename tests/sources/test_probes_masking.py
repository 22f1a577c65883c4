import pytest

from sources.probes.masking import mask, mask_url, secrets_in, where


@pytest.mark.req("RB-22")
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/api?token=abc123", "http://h/api?token=***"),
        ("http://h/api?a=1&access_token=x%2Fy&b=2#top", "http://h/api?a=1&access_token=***&b=2#top"),
        ("http://h/api?API_KEY=k&hub.verify_token=t", "http://h/api?API_KEY=***&hub.verify_token=***"),
        ("http://h/api?page=2&author_id=5", "http://h/api?page=2&author_id=***"),  # may be one: taken for one
        ("http://ada:pa:ss@w@h:80/x", "http://ada:***@h:80/x"),
        ("http://ada@h/x", "http://ada@h/x"),
        ("postgresql://u:p@h/d?sslmode=require&password=q", "postgresql://u:***@h/d?sslmode=require&password=***"),
        ("no address at all", "no address at all"),
        ("failed with url: /jobs?token=abc (Caused by x)", "failed with url: /jobs?token=*** (Caused by x)"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert mask_url(url) == shown


def test_a_secret_is_masked_in_every_form_it_may_come_back_in():
    secrets = secrets_in("http://h/?token=a%2Fb%20cd", {"Authorization": "Bearer xyzzy42", "Accept": "text/html"})
    told = "a/b cd, a%2Fb%20cd, a%2Fb+cd, Bearer xyzzy42, xyzzy42, text/html"
    assert mask(told, secrets) == "***, ***, ***, ***, ***, text/html"


def test_a_short_value_is_not_hunted_for():
    assert secrets_in("http://h/?key=1") == set()
    assert mask("1 of 10", secrets_in("http://h/?key=1")) == "1 of 10"


def test_a_place_is_named_without_anything_secret():
    assert where("postgresql://u:p@h:5432/d?password=q") == "postgresql://h:5432/d"
