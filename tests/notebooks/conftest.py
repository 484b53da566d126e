"""How nbval runs the lessons: `pytest tests/notebooks notebooks`.

Each code cell of each lesson is a test. On the photos its output is compared with the saved one; on
drawn pets it only has to run, since every number differs there.
"""

import os

from nbval.plugin import IPyNbCell

from helpers import datasets
from helpers.course import lessons

os.environ |= lessons.kernel_environment()  # the kernels inherit it


def pytest_sessionstart(session):
    source = datasets.load_dog_cat().attrs["source"]
    session.config.on_photos = source != "drawn pets"
    options = session.config.option
    options.nbval = options.nbval_current_env = True
    options.nbval_cell_timeout = 600


def pytest_report_header(config):
    if config.on_photos:
        return "lessons: run on the photos, outputs compared with the saved ones"
    return "lessons: run on DRAWN PETS (the photos are out of reach), outputs NOT compared"


def pytest_collection_modifyitems(config, items):
    for item in (item for item in items if isinstance(item, IPyNbCell)):
        item.output_timeout = 60  # nbval's own 5 s are short for a loaded machine
        if not config.on_photos:
            item.options["check"] = False
