"""The lock: what uv works out, with the short list's packages first and their reasons beside them."""

import pytest

from helpers.course import lock

SHORT_LIST = """\
[dependency-groups]
models = [
    "zoo==2.0 ; sys_platform == 'linux'",  # trains
    "app==1.0",          # shows
]
all = [
    { include-group = "models" },
]
"""
SUMS = " \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n"
COMPILED = (
    f"app==1.0{SUMS}brought-in[more]==3.0 ; os_name == 'nt'{SUMS}zoo==2.0 ; sys_platform == 'linux'{SUMS}"
)
ARRANGED = f"""\
{lock.HEAD}
# --- models ---
# trains
zoo==2.0 ; sys_platform == 'linux'{SUMS}# shows
app==1.0{SUMS}
# --- brought in by those above ---
brought-in==3.0 ; os_name == 'nt'{SUMS}brought-in[more]==3.0 ; os_name == 'nt'{SUMS}"""


@pytest.mark.parametrize("before", [COMPILED, ARRANGED], ids=["as uv writes it", "arranged"])
def test_the_short_list_comes_first_in_its_order_with_its_reasons(before):
    assert lock.arranged(before, SHORT_LIST) == ARRANGED


def test_a_package_that_uv_left_out_is_named():
    with pytest.raises(KeyError, match="app"):
        lock.arranged(COMPILED.partition("brought-in")[2], SHORT_LIST)


@pytest.mark.parametrize(("before", "is_written"), [("app==0.9\n", True), (ARRANGED, False)])
def test_the_lock_is_written_where_something_is_new(tmp_path, before, is_written):
    """Else the next `make run` would install everything anew."""
    for name, text in (("requirements.txt", before), ("pyproject.toml", SHORT_LIST), ("compiled", COMPILED)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "requirements.txt").touch()
    written = (tmp_path / "requirements.txt").stat().st_mtime_ns
    lock.main(tmp_path / "compiled", tmp_path)
    assert (tmp_path / "requirements.txt").read_text(encoding="utf-8") == ARRANGED
    assert ((tmp_path / "requirements.txt").stat().st_mtime_ns != written) is is_written
