"""The course's commands: lessons run and handed out, a classifier of one's own, lesson 6's experiments."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import ModuleType

from .. import checks, datasets, language, runtime
from ..runtime import COURSE_FOLDER
from ..study import domains
from . import bundle, editions, lessons, meeting, slides


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command and return its exit code: 0 if all went well, 1 if not."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (checks.CourseError, lessons.LessonFailed, bundle.BundleError) as error:
        return _complain(checks.with_notes(error))
    except KeyboardInterrupt:
        return _complain("Stopped.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m helpers",
        description="The commands of the transfer-learning course. "
        "The photos come from GitHub, or from what the environment variable COURSE_DATA names.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable, summary: str, more: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {more}"
        )
        added.set_defaults(command=command)
        return added

    data = add("data", _data, "get the photos and verify every one of them")
    data.add_argument("--check", action="store_true", help="say in one line what there is, and no more")
    run = add(
        "run",
        _run,
        "run the lessons from top to bottom",
        "They are left under build/ as notebooks and pages.",
    )
    notebooks = add(
        "notebooks",
        _notebooks,
        "run the lessons and save them in place",
        "For those who edit the course: the outputs of cells tagged `photo` are cleared.",
    )
    slided = add(
        "slides",
        _slides,
        "make slides of the lessons",
        "From the lessons as they are saved, a page for each, under build/slides/.",
    )
    for with_lessons in (run, notebooks, slided):
        with_lessons.add_argument(
            "numbers", nargs="*", metavar="LESSON", help="a number such as 03; every lesson if none is given"
        )
    lab = add(
        "lab",
        _lab,
        "open the lessons in JupyterLab",
        "They are copies, in my_lessons/, with exercises to fill in. What you write there stays.",
    )
    lab.add_argument("--masters", action="store_true", help="open notebooks/ itself, to edit the course")
    classify = add(
        "classify",
        _classify,
        "train a classifier on a folder of photos of your own",
        "It leaves a model, a model card and a report page.",
    )
    classify.add_argument(
        "folder", metavar="FOLDER", help="with a folder for each class; or a zip archive of it"
    )
    classify.add_argument("--out", help="where to leave them; by default a folder of its name in build/")
    classify.add_argument("--image-size", type=int, default=224, help="pixels a side; by default 224")
    classify.add_argument("--fine-tune", action="store_true", help="try that, too, and keep what is better")
    classify.add_argument("--seed", type=int, default=0, help="another one splits the pictures another way")
    predict = add("predict", _predict, "ask a model that `classify` left about photos")
    predict.add_argument("model", metavar="MODEL", help="a .keras file")
    predict.add_argument("photos", metavar="PHOTO", nargs="+")
    add(
        "student",
        _student,
        "make the edition for students",
        "Exercises without solutions, with all that the lessons need, under build/student/; lessons with "
        "solutions, for nbgrader, under build/teacher/.",
    )
    add(
        "meeting",
        _meeting,
        "make one notebook for one meeting of ninety minutes",
        "With the solutions, in build/notebooks; the students' edition has one without.",
    )
    add(
        "site",
        _site,
        "make the pages that can be read before anything is installed",
        "In English and in Vietnamese, from the lessons as they are saved, under build/site/, for a server, "
        "a folder or a stick.",
    )
    add(
        "translate",
        _translate,
        "bring the files of the Vietnamese translation up to date",
        "It lists what is missing, and what is wrong with what is there.",
    )
    add(
        "vi",
        _vi,
        "make the course in Vietnamese",
        "What has no translation yet is in English there, and says so. It is left in build/vi.",
    )
    bundled = add(
        "bundle",
        _bundle,
        "put the course in one folder, for a room without internet",
        "It is left in build/bundle, for a USB stick or a server in the room.",
    )
    bundled.add_argument(
        "--platform",
        action="append",
        choices=bundle.PLATFORMS,
        default=[],
        help="have packages for this platform as well; may be repeated",
    )
    bundled.add_argument(
        "--python",
        action="append",
        metavar="VERSION",
        default=[],
        help="for this version of its Python, such as 3.12; may be repeated",
    )
    bundled.add_argument("--student", action="store_true", help="the edition without solutions")
    compare = add(
        "compare",
        _compare,
        "run what is missing of lesson 6's comparison",
        "Each result is appended at once: stop it wherever you like, and start it again.",
    )
    compare.add_argument("--domains", nargs="+", choices=domains.NAMES, metavar="DOMAIN")
    compare.add_argument(
        "--part",
        default="grid",
        help="'grid', or beside it 'larger' (128 pixels), 'patience' (twice of it), 'bases' (four networks)",
    )
    autopsy = add(
        "autopsy", _autopsy, "run what is missing of lesson 6's autopsy of the tutorial", "Likewise."
    )
    augmentation = add(
        "augmentation",
        _augmentation,
        "run what is missing of lesson 3's trainings with and without augmentation",
        "Likewise.",
    )
    staircase = add(
        "staircase", _staircase, "run what is missing of lesson 5's staircase from scratch up", "Likewise."
    )
    for experiment in (compare, autopsy, augmentation, staircase):
        experiment.add_argument("--results", type=Path, help="a CSV file of your own")
        experiment.add_argument("--workers", type=int, help="processes; by default one a core")
    return parser


def _data(options: argparse.Namespace) -> int:
    print(datasets.summary())
    if not options.check:
        data = datasets.load_dog_cat()
        print(f"Source: {data.attrs['source']}. The first of them: {data.path[0]}")
    return 0


def _run(options: argparse.Namespace) -> int:
    chosen = lessons.find(options.numbers)
    data = datasets.load_dog_cat()  # before the lessons, so that one sees the download's progress
    print(f"Running {len(chosen)} lessons on {len(data)} images. Source: {data.attrs['source']}.", flush=True)
    pages = lessons.BUILD / "html"
    results = []
    try:
        for result in lessons.run(chosen):
            results.append(result)
    except lessons.LessonFailed as failure:
        return _complain(f"{failure}\n\nThe lesson's page up to there is in {pages}")
    finally:
        if results:
            print(lessons.summary(results))
    print(f"\nTo read the lessons, open {pages / 'index.html'}")
    return 0


def _notebooks(options: argparse.Namespace) -> int:
    chosen = lessons.find(options.numbers)
    if not _photos_are_there():
        return 1
    lessons.save_masters(chosen)
    return 0


def _photos_are_there() -> bool:
    if datasets.load_dog_cat().attrs["source"] != "drawn pets":
        return True
    _complain(
        "The photos are out of reach, and what is kept here must speak of them: nothing was run. "
        "Set COURSE_DATA to their archive, or connect to the Internet, and try again."
    )
    return False


def _lab(options: argparse.Namespace) -> int:
    folder, masters, called = lessons.MASTERS, lessons.find(), editions.SOLUTION
    if not options.masters and editions.have_solutions(masters):
        folder = editions.MY_LESSONS
        if not language.is_english():
            from . import translation

            folder = folder.with_name(f"{folder.name}_{translation.LANGUAGE}")
            translation.write_edition(lessons.BUILD / translation.LANGUAGE)
            masters = lessons.find(folder=lessons.BUILD / translation.LANGUAGE / "notebooks")
            called = translation.solution(translation.read(masters[0].stem))
        for path in editions.write_my_lessons(masters, folder, called):
            place = Path(folder.name, path.relative_to(folder))
            print(f"{place} is yours and stays; the course's has changed. To get that one, rename yours.")
    settings = [
        f"--LabApp.default_url=/lab/tree/{folder.name}",
        # It would ask PyPI for a newer version of itself at every start, and offer news from the network.
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for JupyterLab, which ends by itself
    return subprocess.call([sys.executable, "-m", "jupyterlab", *settings], cwd=COURSE_FOLDER)


def _classify(options: argparse.Namespace) -> int:
    folder = runtime.path_of(options.folder, "FOLDER")
    out = runtime.path_of(options.out or lessons.BUILD / folder.resolve().stem, "--out")
    with _libraries_kept_quiet():
        from . import classify

        print(classify.run(folder, out, options.image_size, options.fine_tune, options.seed))
    return 0


def _predict(options: argparse.Namespace) -> int:
    with _libraries_kept_quiet():
        from . import classify

        print(classify.predict(options.model, options.photos))
    return 0


@contextmanager
def _libraries_kept_quiet() -> Iterator[None]:
    """Give Python a way of its own to the terminal, so that `runtime.quiet_libraries` can close the other."""
    with os.fdopen(os.dup(2), "w", buffering=1) as terminal, redirect_stderr(terminal):
        yield


def _student(options: argparse.Namespace) -> int:
    folder = lessons.BUILD / "student"
    editions.write_student_edition(lessons.find(), folder)
    meeting.write(lessons.find(), folder / "notebooks" / meeting.NAME)
    editions.write_teachers_copies(lessons.find(), lessons.BUILD / "teacher")
    print(f"The edition for students is in {folder}, the teacher's copies for nbgrader beside it, in teacher")
    return 0


def _meeting(options: argparse.Namespace) -> int:
    path = lessons.BUILD / "notebooks" / meeting.NAME
    meeting.write(lessons.find(), path, with_solutions=True)
    print(f"The path for one meeting is in {path}")
    return 0


def _site(options: argparse.Namespace) -> int:
    from . import site  # whose packages Colab has not

    site.build()
    print(f"To read the course, open {lessons.BUILD / 'site' / 'index.html'}")
    return 0


def _slides(options: argparse.Namespace) -> int:
    for path in lessons.find(options.numbers):
        print(slides.write(path, lessons.BUILD / "slides"))
    return 0


def _translate(options: argparse.Namespace) -> int:
    from . import proofreading, translation  # whose packages Colab has not

    print(f"{'file':<24} blocks  to do  words to do")
    for name, n_blocks, n_missing, n_words in translation.update():
        print(f"{name:<24} {n_blocks:>6} {n_missing:>6} {n_words:>12}")
    for document in translation.documents():
        for fault in proofreading.faults(document, translation.read(document.name)):
            print(f"{document.name}, {fault}")
    return 0


def _vi(options: argparse.Namespace) -> int:
    from . import translation

    folder = lessons.BUILD / translation.LANGUAGE
    in_english = sum(translation.write_edition(folder).values())
    print(f"The course in Vietnamese is in {folder}. Blocks still in English: {in_english}")
    return 0


def _bundle(options: argparse.Namespace) -> int:
    data = datasets.load_dog_cat()
    if data.attrs["source"] == "drawn pets":
        return _complain(
            "The photos are out of reach, and the bundle is to hold them: nothing was made. "
            "Set COURSE_DATA to their archive, or connect to the Internet, and try again."
        )
    folder = lessons.BUILD / "bundle"
    print("Fetching the packages: some minutes.", flush=True)
    size = bundle.make(folder, data, options.platform, options.python, for_students=options.student)
    print(f"{size / 1e9:.1f} GB are in {folder}. Copy that folder to a USB stick, or serve it in the room:")
    print(f"    {Path(sys.executable).name} -m http.server --directory {folder}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from ..study import grid  # takes seconds, since TensorFlow comes with it

    names = options.domains or domains.NAMES
    if domains.PHOTOS in names and not _photos_are_there():
        return 1
    grid.run(options.results or grid.RESULTS, names, options.workers, options.part)
    return 0


def _autopsy(options: argparse.Namespace) -> int:
    from ..study import autopsy

    return _run_on_photos(autopsy, options)


def _augmentation(options: argparse.Namespace) -> int:
    from ..study import augmentation

    return _run_on_photos(augmentation, options)


def _staircase(options: argparse.Namespace) -> int:
    from ..study import staircase

    return _run_on_photos(staircase, options)


def _run_on_photos(experiment: ModuleType, options: argparse.Namespace) -> int:
    if not _photos_are_there():
        return 1
    experiment.run(options.results or experiment.RESULTS, options.workers)
    return 0


def _complain(message: str) -> int:
    print(f"\n{message}", file=sys.stderr)
    return 1
