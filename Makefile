# The course's commands. Needs Python 3.11 to 3.13, git and make; everything else goes into .venv.
# To choose the Python:   make run PYTHON=/path/to/python3.12
# To run some lessons:    make run LESSONS="01 03"
# To time one thing:      make bench ONLY="augmentation features"
# To bundle for others:   make bundle STUDENT=yes PLATFORMS="windows mac" PYTHONS="3.12 3.13"

python := .venv/bin/python
installed := .venv/requirements-installed
colab_python := .venv-colab/bin/python
colab_installed := .venv-colab/runtime-installed
browser_packages := build/browser-packages
browser_installed := $(browser_packages)/installed
site_packages := build/site-packages
site_installed := $(site_packages)/installed
bench_packages := build/bench-packages
bench_installed := $(bench_packages)/installed
mutants_packages := build/mutants-packages
mutants_installed := $(mutants_packages)/installed
lock_packages := build/lock-packages
lock_installed := $(lock_packages)/installed
candidates := $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3)
# Two test files at a time, each from top to bottom in one process: a lesson's cells share a kernel.
two_files := --numprocesses 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help run check test lab student bundle translate vi notebooks colab colab-parity site slides bundle-test browser-test site-test bench mutants lock modules clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: $(installed)  ## run all lessons: notebooks and web pages are left under build/
	@$(python) -m helpers run $(LESSONS)

check: $(installed)  ## check in a minute: layout and types of the code, tests that train nothing
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) -m pytest $(two_files) -m "not slow" tests

test: $(installed)  ## check everything: layout of the code, helpers, notebooks
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) -m pytest $(two_files) --cov=helpers tests
	$(python) -m pytest $(two_files) tests/notebooks notebooks

lab: $(installed)  ## open the lessons in JupyterLab, to learn from; MASTERS=yes opens notebooks/, to edit
	@$(python) -m helpers lab $(if $(MASTERS),--masters)

student: $(installed)  ## make the edition for students, its exercises without solutions, in build/student/
	@$(python) -m helpers student

bundle: $(installed)  ## put the course in build/bundle/, for a USB stick or a room without internet
	@$(python) -m helpers bundle $(addprefix --platform ,$(PLATFORMS)) $(addprefix --python ,$(PYTHONS)) \
	    $(if $(STUDENT),--student)

site: $(installed) $(site_installed)  ## make the pages to read before anything is installed, in both languages: build/site/
	@$(python) -m helpers site

slides: $(installed)  ## make slides of the lessons, for a teacher: build/slides/
	@$(python) -m helpers slides $(LESSONS)

translate: $(installed)  ## bring the Vietnamese translation's files up to date, and list what is missing
	@$(python) -m helpers translate

vi: $(installed)  ## make the course in Vietnamese, in build/vi/
	@$(python) -m helpers vi

notebooks: $(installed)  ## run the lessons and save them in place, for those who edit the course
	@$(python) -m helpers notebooks $(LESSONS)

colab: $(installed)  ## make the Colab editions of the lessons anew, for those who edit the course
	@$(python) colab/build.py

colab-parity: $(colab_installed) $(installed)  ## run the Colab editions on the package versions of Colab's runtime
	COURSE_EDITIONS_IN_FULL=1 COURSE_OTHER_PYTHON=$(CURDIR)/$(python) \
	    $(colab_python) -m pytest tests/test_colab.py tests/test_other_keras.py

bundle-test: $(installed)  ## make the bundle, and install and run it with the network cut off
	COURSE_BUNDLE_TEST=1 $(python) -m pytest tests/test_bundle.py

browser-test: $(installed) $(browser_installed)  ## open lessons in a real browser and move their sliders
	PYTHONPATH=$(browser_packages) $(python) -m pytest tests/browser/test_lab.py

site-test: site slides $(browser_installed)  ## open site and slides in a real browser, and look for barriers
	@cd $(browser_packages) && npm pack --silent axe-core@4.14.1
	PYTHONPATH=$(browser_packages) $(python) -m pytest tests/browser/test_pages.py

bench: $(installed) $(bench_installed)  ## time the helpers beside others' ways: a table, and build/bench.json
	@PYTHONPATH=$(CURDIR):tests:$(bench_packages) $(python) -m bench $(addprefix --only ,$(ONLY))

mutants: $(installed) $(mutants_installed)  ## plant faults in the helpers, and count those that tests notice
	@PYTHONPATH=$(CURDIR):$(CURDIR)/tests:$(CURDIR)/$(mutants_packages) \
	    $(python) -m mutants $(addprefix --only ,$(ONLY))
	@PYTHONPATH=$(CURDIR):$(CURDIR)/tests $(python) -m mutants.beginners

lock: $(installed) $(lock_installed)  ## make requirements.txt anew from the short list in pyproject.toml
	@cp requirements.txt $(lock_packages)  # whose versions stay where they can
	@$(lock_packages)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-annotate --no-strip-extras --group course --output-file $(lock_packages)/requirements.txt
	@$(python) -m helpers.course.lock $(lock_packages)/requirements.txt

modules: $(installed)  ## draw which module imports which: notebooks/figures/modules.svg
	@$(python) -m helpers.course.modules

clean:  ## delete what run and test left behind, but neither .venv nor the data
	rm -rf build .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find helpers tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Takes the first Python that starts (one may be there in name only), that TensorFlow has wheels for,
# and that can make an environment (Debian leaves `ensurepip` out of its python3).
$(installed): requirements.txt
	$(call make_environment,.venv)
	@$(python) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@touch $(installed)

$(colab_installed): colab/runtime.txt
	$(call make_environment,.venv-colab)
	@$(colab_python) -m pip install --quiet --disable-pip-version-check --requirement colab/runtime.txt
	@touch $(colab_installed)

# Beside the course's own packages, for this one test only.
$(browser_installed): tests/browser/requirements.txt
	@$(python) -m pip install --quiet --disable-pip-version-check --upgrade --target $(browser_packages) \
	    --requirement tests/browser/requirements.txt
	@touch $(browser_installed)

# Likewise. Without what these ask for that the course has already.
$(site_installed): helpers/course/sphinx/requirements.txt
	@$(python) -m pip install --quiet --disable-pip-version-check --upgrade --target $(site_packages) \
	    --no-deps --requirement helpers/course/sphinx/requirements.txt
	@touch $(site_installed)

# Beside the course's own packages, too, and without a second OpenCV or NumPy. If it fails, its line says so.
$(bench_installed): tests/bench/requirements.txt
	@-$(python) -m pip install --quiet --disable-pip-version-check --upgrade --target $(bench_packages) \
	    --no-deps --requirement tests/bench/requirements.txt && touch $(bench_installed)

# Likewise: the rest of what cosmic-ray imports here is among the course's own packages.
$(mutants_installed): tests/mutants/requirements.txt
	@$(python) -m pip install --quiet --disable-pip-version-check --upgrade --target $(mutants_packages) \
	    --no-deps --requirement tests/mutants/requirements.txt
	@touch $(mutants_installed)

# In a folder of its own, for that one command.
$(lock_installed): Makefile
	@$(python) -m pip install --quiet --disable-pip-version-check --upgrade --target $(lock_packages) uv==0.13.9
	@touch $(lock_installed)

define make_environment
	@found=; for candidate in $(candidates); do \
	    if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	    then found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo 'No Python 3.11, 3.12 or 3.13 was found that can make environments (TensorFlow has none for 3.14 yet).' >&2; \
	    echo 'Install one (on Debian and Ubuntu: apt install python3-venv), or name one: make PYTHON=/path/to/python3.12' >&2; \
	    exit 1; \
	fi; \
	echo "Making $(1) with $$("$$found" --version) and installing the packages: a few minutes, the first time only."; \
	"$$found" -m venv --clear $(1)
endef
