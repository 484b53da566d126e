from collections import Counter

import numpy as np
import pandas as pd
import pytest

from helpers import checks, datasets, images, splits, survey


def table(**counts):
    """A table of images that need not exist: `table(cat=3, dog=2)`."""
    rows = [(f"{label}.{i}.jpg", label) for label, count in counts.items() for i in range(count)]
    return pd.DataFrame(rows, columns=["path", "label"])


def alone(data):
    """Groups in which each image stands alone."""
    return range(len(data))


# --- groups -----------------------------------------------------------------------------------------


def test_near_duplicates_form_groups(tmp_path):
    data = datasets.draw_pets(40, 0, tmp_path, near_duplicates=4)
    groups = splits.near_duplicate_groups(data)
    assert sorted(Counter(groups.tolist()).values()) == [1] * 32 + [2] * 4


def thumbnails(monkeypatch, vectors):
    """Let the pictures look like this, whatever their files: `{path: vector}`."""
    look = {path: np.array(vector, np.float32) / np.linalg.norm(vector) for path, vector in vectors.items()}
    monkeypatch.setattr(survey, "_thumbnails", lambda paths: np.stack([look[path] for path in paths]))


@pytest.mark.parametrize("rows_at_once", [1, 2, 1024])
def test_groups_join_through_a_common_member(monkeypatch, rows_at_once):
    data = table(cat=5)
    turned = {0: 0.0, 1: 2.0, 2: 4.0, 3: 0.3, 4: 0.6}  # 0 and 3 are close, 3 and 4 are, 0 and 4 are not
    thumbnails(monkeypatch, {f"cat.{i}.jpg": (np.cos(angle), np.sin(angle)) for i, angle in turned.items()})
    monkeypatch.setattr(survey, "ROWS_AT_ONCE", rows_at_once)
    groups = splits.near_duplicate_groups(data)
    assert groups.tolist() == [0, 1, 2, 0, 0]


def test_rows_of_one_file_are_one_group(tmp_path):
    data = datasets.draw_pets(8, 0, tmp_path, size=32)
    copies = pd.concat([data, data[2:4]])  # the index repeats as well
    for max_distance in (0, 0.07):
        groups = splits.near_duplicate_groups(copies, max_distance)
        assert groups.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 2, 3]


# --- split ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fractions", [(0.8, 0.1, 0.1), (0.75, 0.25), (0.5, 0.3, 0.15, 0.05), (1 / 3, 1 / 3, 1 / 3)]
)
@pytest.mark.parametrize("counts", [{"cat": 700, "dog": 699}, {"cat": 400, "dog": 53, "robin": 31}])
def test_every_part_holds_its_share_of_every_class(fractions, counts):
    data = table(**counts)
    parts = splits.split(data, fractions, seed=3, groups=alone(data))
    assert sorted(index for part in parts for index in part.index) == data.index.tolist()
    for part, fraction in zip(parts, fractions, strict=True):
        for label, count in counts.items():
            assert abs((part.label == label).sum() - fraction * count) < 1
        assert part.index.is_monotonic_increasing


def test_seed_decides():
    data = table(cat=50, dog=50)
    first, again, other = (splits.split(data, seed=seed, groups=alone(data)) for seed in (0, 0, 1))
    assert all(a.equals(b) for a, b in zip(first, again, strict=True))
    assert not first[2].equals(other[2])


def test_every_image_gets_its_turn_in_the_test_part():
    data = table(cat=20, dog=20)
    times = Counter(
        i for seed in range(400) for i in splits.split(data, seed=seed, groups=alone(data))[2].index
    )
    # 400 splits, a tenth of the images each: 40 times, give or take chance.
    assert len(times) == 40 and min(times.values()) > 15 and max(times.values()) < 70


def test_groups_stay_together_and_classes_stay_balanced():
    rng = np.random.default_rng(0)
    data = table(cat=300, dog=200)
    groups = rng.integers(0, 200, len(data))  # groups of 2 or 3 on average, many of both classes
    for seed in range(5):
        parts = splits.split(data, seed=seed, groups=groups)
        members = [set(groups[part.index]) for part in parts]
        assert not members[0] & members[1] and not members[0] & members[2] and not members[1] & members[2]
        for part, fraction in zip(parts, (0.8, 0.1, 0.1), strict=True):
            assert abs(len(part) - fraction * 500) <= 8
            assert abs((part.label == "cat").mean() - 0.6) < 0.06


def test_pairs_and_single_images_give_exact_parts():
    data = table(cat=100, dog=100)
    groups = np.arange(200)
    groups[[1, 101]] = groups[[0, 100]]
    for seed in range(10):
        parts = splits.split(data, seed=seed, groups=groups)
        assert [part.label.value_counts()["cat"] for part in parts] == [80, 10, 10]
        assert [len(part) for part in parts] == [160, 20, 20]
        assert all((0 in part.index) == (1 in part.index) for part in parts)


def test_groups_may_carry_any_names():
    data = table(cat=20, dog=20)
    groups = [f"owner {i // 2}" for i in range(40)]
    train, *_ = splits.split(data, groups=groups)
    assert all((i in train.index) == (i + 1 in train.index) for i in range(0, 40, 2))


def test_near_duplicates_are_found_and_kept_together(tmp_path):
    data = datasets.draw_pets(60, 0, tmp_path, near_duplicates=20)
    groups = splits.near_duplicate_groups(data)
    for seed in range(5):
        parts = splits.split(data, (0.6, 0.4), seed=seed)
        assert not set(groups[parts[0].index]) & set(groups[parts[1].index])
        assert [len(part) for part in parts] == [36, 24]


def test_index_and_source_are_kept():
    data = table(cat=10, dog=10).set_index(pd.Index(range(100, 120)))
    data.attrs["source"] = "here"
    train, _, test = splits.split(data, groups=alone(data))
    assert set(train.index) < set(data.index)
    assert test.attrs["source"] == "here"


@pytest.mark.parametrize("fractions", [(0.8, 0.1), (0.8, 0.3), (1.0,), (1.2, -0.2), (0.5, 0.5, 0.0), ()])
def test_fractions_that_do_not_fit_are_refused(fractions):
    data = table(cat=10, dog=10)
    with pytest.raises(ValueError, match="sum is 1"):
        splits.split(data, fractions, groups=alone(data))


@pytest.mark.parametrize("counts", [{"cat": 100, "robin": 3}, {"robin": 3, "wren": 100, "yak": 100}])
def test_class_too_small_for_every_part_is_named(counts):
    data = table(**counts)
    with pytest.raises(ValueError, match=r"'robin' has 3 images.*needs 8\. Add"):
        splits.split(data, groups=alone(data))


def test_a_small_first_part_gets_its_share():
    data = table(cat=10, dog=10)
    parts = splits.split(data, (0.1, 0.9), groups=alone(data))
    assert [part.label.value_counts().to_dict() for part in parts] == [
        {"cat": 1, "dog": 1},
        {"cat": 9, "dog": 9},
    ]


def test_unreadable_image_is_refused_by_name(tmp_path):
    data = datasets.draw_pets(30, 0, tmp_path, size=32)
    (tmp_path / "cat/cat.3.jpg").write_text("no picture")
    with pytest.raises(images.UnreadableImage, match=r"cat\.3\.jpg"):
        splits.split(data)


@pytest.mark.slow
def test_split_of_the_photos(photos):
    parts = splits.split(photos, seed=0)
    assert [len(part) for part in parts] == [1119, 140, 140]
    assert [part.label.value_counts()["cat"] for part in parts] == [560, 70, 70]
    pair = photos.index[photos.path.str.endswith(("dog.74.jpg", "dog.180.jpg"))]
    assert any(set(pair) <= set(part.index) for part in parts)


@pytest.mark.parametrize("divide", [lambda data: splits.split(data, (0.5, 0.5)), splits.folds])
def test_copies_of_one_picture_are_refused_before_a_split(tmp_path, divide):
    data = datasets.draw_pets(20, 0, tmp_path, size=32)
    with pytest.raises(
        checks.CourseError, match=r"data holds 5 paths more than once.*Split first, then repeat"
    ):
        divide(pd.concat([data, data[:5]]))
    with pytest.raises(checks.CourseError, match="data holds 1 path more than once"):
        divide(pd.concat([data, data[:1]]))


def test_copies_of_one_picture_may_stand_in_one_group():
    data = pd.concat([table(cat=10, dog=10)] * 2)
    parts = splits.split(data, (0.5, 0.5), groups=data.path)
    assert not set(parts[0].path) & set(parts[1].path)
    with pytest.raises(checks.CourseError, match="data holds 20 paths more than once"):
        splits.split(data, (0.5, 0.5), groups=alone(data))


def test_a_repeated_index_is_no_matter():
    data = pd.concat([table(cat=10), table(dog=10)])
    train, test = splits.split(data, (0.5, 0.5), groups=alone(data))
    assert sorted(pd.concat([train, test]).path) == sorted(data.path)
    for part, held_out in splits.folds(data, 5, groups=alone(data)):
        assert len(part) == 16 and len(held_out) == 4


@pytest.fixture
def alike(monkeypatch):
    """120 pictures, 119 of which look the same."""
    data = table(cat=60, dog=60)
    thumbnails(monkeypatch, {path: (1, 0) if path != "dog.59.jpg" else (0, 1) for path in data.path})
    return data


@pytest.mark.parametrize("divide", [splits.split, splits.folds])
def test_groups_that_leave_a_part_without_a_class_are_refused(alike, divide):
    for data, found in (
        (alike, "119 of 120 pictures fell into 1 group of near-duplicates, the largest with 119"),
        (alike[:119], "119 of 119 pictures fell into 1 group of near-duplicates, the largest with 119"),
    ):
        with pytest.raises(
            checks.CourseError,
            match=rf"^{found}: a part would hold no picture of class 'cat'. Look at survey\.",
        ):
            divide(data)
        with pytest.raises(
            checks.CourseError, match=r"60 of 1.. pictures fell into 1 group of groups=.*Give sm"
        ):
            divide(data[: 60 + data.label.eq("dog").sum()], groups=[0] * 60 + list(range(1, len(data) - 59)))


@pytest.mark.parametrize("divide", [splits.split, splits.folds])
def test_a_smaller_distance_tells_pictures_of_one_kind_apart(monkeypatch, capsys, divide):
    data = table(cat=40, dog=40)
    angles = np.linspace(0, 1, 80)
    thumbnails(monkeypatch, dict(zip(data.path, np.column_stack([np.cos(angles), np.sin(angles)]))))
    with pytest.raises(checks.CourseError, match="80 of 80 pictures fell into 1 group"):
        divide(data)
    divide(data, max_distance=1e-5)
    divide(data, max_distance=2, groups=alone(data))  # it has no effect where groups are given
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("divide", "smallest"), [(splits.split, 12), (splits.folds, 24)])
def test_a_group_larger_than_the_smallest_part_is_told(capsys, divide, smallest):
    data = table(cat=60, dog=60)
    groups = np.arange(120)
    groups[: smallest + 1] = 0
    divide(data, groups=groups)
    assert capsys.readouterr().out == (
        f"{smallest + 1} of 120 pictures fell into 1 group of groups=, the largest with {smallest + 1}, "
        f"where the smallest part was to have {smallest}: parts differ from that. "
        "Give smaller groups, or fewer and larger parts.\n"
    )
    groups[smallest] = 999
    divide(data, groups=groups)
    assert capsys.readouterr().out == ""


def test_groups_without_a_value_are_refused():
    data = table(cat=10, dog=10)
    with pytest.raises(checks.CourseError, match="groups has no value in row 3. Give every picture a group"):
        splits.split(data, (0.5, 0.5), groups=["a", "b", 7, None, *range(16)])


@pytest.mark.slow
def test_nothing_is_said_of_the_photos_and_of_drawn_pets(photos, tmp_path, capsys):
    pets = datasets.draw_pets(60, 0, tmp_path, near_duplicates=6)
    for data in (photos, pets):
        splits.split(data)
        splits.folds(data)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "labels", [[1] * 8 + ["dog"] * 8, [True] * 8 + ["dog"] * 8, pd.Categorical([1.5] * 8 + ["dog"] * 8)]
)
@pytest.mark.parametrize("divide", [splits.split, splits.folds])
def test_labels_of_two_kinds_are_refused(labels, divide):
    data = table(cat=16).assign(label=labels)
    with pytest.raises(
        checks.CourseError, match=r"and 'dog'\. Make them .*: data\[\"label\"\].*astype\(str\)"
    ):
        divide(data)
    divide(data.assign(label=data["label"].astype(str)), groups=alone(data))


@pytest.mark.parametrize(
    "labels",
    [
        [0] * 8 + [1] * 8,
        [False] * 8 + [True] * 8,
        pd.Series([1] * 8 + [2.5] * 8, dtype=object),
        pd.Series(["cat"] * 8 + ["dog"] * 8, dtype="string"),
        pd.Series(["cat"] * 8 + ["dog"] * 8, dtype=pd.CategoricalDtype(["bird", "cat", "dog"])),
    ],
)
def test_labels_of_any_one_kind_are_taken(labels):
    data = table(cat=16).assign(label=labels)
    parts = splits.split(data, (0.5, 0.5), groups=alone(data))
    assert [part.label.value_counts().loc[lambda n: n > 0].tolist() for part in parts] == [[4, 4], [4, 4]]
    assert len(splits.folds(data, 4, groups=alone(data))) == 4


@pytest.mark.parametrize("divide", [splits.split, splits.folds])
def test_the_seed_is_0_unless_it_is_given_and_never_negative(divide):
    data = table(cat=40, dog=20)
    by_default, with_0, with_1 = (
        repr(divide(data, groups=alone(data), **seed)) for seed in ({}, {"seed": 0}, {"seed": 1})
    )
    assert by_default == with_0 != with_1
    with pytest.raises(checks.CourseError, match="seed is -1"):
        divide(data, seed=-1, groups=alone(data))


# --- folds ------------------------------------------------------------------------------------------


def test_folds_hold_out_every_image_once():
    data = table(cat=70, dog=69)
    pairs = splits.folds(data, 5, seed=1, groups=alone(data))
    assert len(pairs) == 5
    assert sorted(i for _, held_out in pairs for i in held_out.index) == data.index.tolist()
    for train, held_out in pairs:
        assert not set(train.index) & set(held_out.index)
        assert len(train) + len(held_out) == 139
        assert (held_out.label == "cat").sum() == 14


def test_folds_keep_groups_together_and_follow_the_seed():
    data = table(cat=40, dog=40)
    groups = np.arange(80) // 2
    for train, held_out in splits.folds(data, 4, seed=0, groups=groups):
        assert not set(groups[train.index]) & set(groups[held_out.index])
    first, again, other = (splits.folds(data, 4, seed, groups)[0][1].index.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_folds_find_near_duplicates(tmp_path):
    data = datasets.draw_pets(40, 0, tmp_path, near_duplicates=10)
    groups = splits.near_duplicate_groups(data)
    for train, held_out in splits.folds(data, 4):
        assert not set(groups[train.index]) & set(groups[held_out.index])


@pytest.mark.parametrize(
    ("n_folds", "complaint"),
    [(1, "n_folds is 1"), (0, "n_folds is 0"), (9, "'dog' has 8 images.*until there are 9")],
)
def test_folds_that_cannot_be_made_are_refused(n_folds, complaint):
    data = table(cat=20, dog=8)
    with pytest.raises(ValueError, match=complaint):
        splits.folds(data, n_folds, groups=alone(data))


@pytest.mark.parametrize("n_groups", [1, 4])
def test_fewer_groups_than_folds_are_refused(n_groups):
    data = table(cat=20, dog=20)
    with pytest.raises(
        checks.CourseError, match=r"^40 of 40 pictures.*no picture of class 'cat'\. Give smaller"
    ):
        splits.folds(data, 5, groups=np.arange(40) % n_groups)


# --- imbalance --------------------------------------------------------------------------------------


def test_class_weights_make_classes_weigh_the_same():
    assert splits.class_weights(["cat"] * 3 + ["dog"]) == {"cat": pytest.approx(2 / 3), "dog": 2.0}
    weights = splits.class_weights(np.array([0, 0, 0, 1]))
    assert weights == {0: pytest.approx(2 / 3), 1: 2.0}
    assert [type(key) for key in weights] == [int, int]


def test_weights_of_labels_of_two_kinds_are_refused():
    with pytest.raises(checks.CourseError, match="labels of different kinds, such as 1 and 'dog'"):
        splits.class_weights([1, "dog", "dog"])
