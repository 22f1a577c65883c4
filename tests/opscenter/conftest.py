import pytest


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    """Locks and requests of this test alone: several test runs may share the configured folder."""
    settings.DATA_DIR = tmp_path
    return tmp_path
