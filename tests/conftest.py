"""What all tests share: quiet progress bars, and the data set where it can be had."""

import os

import pandas as pd
import pytest

from helpers import datasets

os.environ["COURSE_QUIET"] = "1"


@pytest.fixture(scope="session")
def photos() -> pd.DataFrame:
    """The 1,399 photos; a test that asks for them is skipped where there are none."""
    data = datasets.load_dog_cat()
    if data.attrs["source"] == "drawn pets":
        pytest.skip("the photos are out of reach")
    return data
