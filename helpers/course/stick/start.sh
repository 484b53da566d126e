#!/bin/sh
# Looks for a Python that the packages here are for, and runs start.py with it:   sh start.sh
# To choose the Python:   PYTHON=/path/to/python3.12 sh start.sh

here=$(dirname "$0")
for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3; do
    tag=$("$candidate" -c 'import ensurepip, sys, venv; print("cp%d%d" % sys.version_info[:2])' 2>/dev/null) || continue
    for wheel in "$here"/wheels/*-"$tag-$tag"-*; do
        if [ -e "$wheel" ]; then exec "$candidate" "$here/start.py" "$@"; fi
    done
done
echo 'No Python was found that the packages in wheels/ are for. See READ-ME.txt.' >&2
exit 1
