"""What the course is compared with, written from its public descriptions.

- TensorFlow's "Transfer learning and fine-tuning" (tensorflow.org/tutorials/images/transfer_learning).
- The tutorial that the course follows (Phạm Đình Khánh, 2020), its recipe and its generator.
- Keras's legacy `ImageDataGenerator`, Keras's augmentation layers in tf.data, albumentations.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers

from helpers import images

BATCH_SIZE = 32
ZOOM, ROTATION, BRIGHTNESS = (0.5, 1.0), 15, (0.8, 1.2)


def class_folders(data: pd.DataFrame, folder: Path) -> Path:
    """Lay pictures out as a folder for each class, which some of these need."""
    for path, label in zip(data["path"], data["label"]):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / Path(path).name).symlink_to(path)
    return folder


# --- recipes for a whole training ---------------------------------------------------------------------


def tensorflow_recipe(
    base: keras.Model, train_folder: Path, val_folder: Path, epochs: int = 10
) -> dict[str, float]:
    """Train as TensorFlow's tutorial does: ten epochs of a head, ten more with the upper third of the base.

    Flips and rotations; pooling, dropout 0.2, one output; Adam at 1e-4, then RMSprop at 1e-5, of which the
    tutorial says that the base is to be called with `training=False`.

    Returns:
        `frozen` and `whole`: seconds until the first ten epochs, and all, are done. `frozen_accuracy`,
        `whole_accuracy`: on validation, after each.
    """
    start = time.perf_counter()
    size = base.input_shape[1]
    train, val = (
        keras.utils.image_dataset_from_directory(
            folder, shuffle=True, seed=0, batch_size=BATCH_SIZE, image_size=(size, size), verbose=False
        ).prefetch(tf.data.AUTOTUNE)
        for folder in (train_folder, val_folder)
    )
    base.trainable = False
    pictures = keras.Input((size, size, 3))
    x = layers.RandomFlip("horizontal")(pictures)
    x = layers.RandomRotation(0.2)(x)
    x = base(x, training=False)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    model = keras.Model(pictures, layers.Dense(1, activation="sigmoid")(x))

    def fit(optimizer, first: int, last: int) -> float:
        model.compile(optimizer, keras.losses.BinaryCrossentropy(), metrics=["accuracy"])
        settings = {"shuffle": False, "verbose": 0}  # the data set shuffles by itself
        history = model.fit(train, validation_data=val, initial_epoch=first, epochs=last, **settings).history
        return history["val_accuracy"][-1]

    frozen_accuracy = fit(keras.optimizers.Adam(1e-4), 0, epochs)
    frozen = time.perf_counter() - start
    base.trainable = True
    for layer in base.layers[: len(base.layers) * 2 // 3]:
        layer.trainable = False
    whole_accuracy = fit(keras.optimizers.RMSprop(1e-5), epochs, 2 * epochs)
    return {
        "frozen": frozen,
        "whole": time.perf_counter() - start,
        "frozen_accuracy": frozen_accuracy,
        "whole_accuracy": whole_accuracy,
    }


def tutorials_recipe(
    base: keras.Model, train: pd.DataFrame, val: pd.DataFrame, epochs: int = 5
) -> dict[str, float]:
    """Train as the tutorial does: one epoch of a head on `Flatten`, five of everything, Adam at 0.001.

    What is mended: pixels are scaled as the base expects (it does that itself), and validation pictures
    are not augmented.

    Returns:
        `whole`: seconds. `accuracy`: on validation, after the last epoch.
    """
    start = time.perf_counter()
    size = base.input_shape[1]
    x = layers.Flatten()(base.output)
    model = keras.Model(base.input, layers.Dense(1, activation="sigmoid")(x))
    train_batches = TutorialsGenerator(train, size, zoom_range=(0.5, 1), rotation=0, brightness=(0.8, 1))
    val_batches = TutorialsGenerator(val, size, augment=False)
    for trainable, n_epochs in ((False, 1), (True, epochs)):
        base.trainable = trainable
        model.compile(keras.optimizers.Adam(), keras.losses.BinaryCrossentropy(), metrics=["accuracy"])
        history = model.fit(train_batches, validation_data=val_batches, epochs=n_epochs, verbose=0).history
    return {"whole": time.perf_counter() - start, "accuracy": history["val_accuracy"][-1]}


# --- augmentation: JPEG files to float batches ----------------------------------------------------------


class TutorialsGenerator(keras.utils.PyDataset):
    """The tutorial's generator (section 3.1.2): picture by picture, step by step, in Python.

    Read and squash; enlarge by 1/zoom and crop at random; turn; scale the brightness; mirror, which the
    tutorial's does not.
    """

    def __init__(
        self,
        data: pd.DataFrame,
        size: int,
        zoom_range=ZOOM,
        rotation=ROTATION,
        brightness=BRIGHTNESS,
        flip=False,
        augment=True,
    ):
        super().__init__()
        self.paths, self.labels = data["path"].to_numpy(), (data["label"] == "dog").to_numpy("float32")
        self.size, self.augment, self.flip = size, augment, flip
        self.zoom_range, self.rotation, self.brightness = zoom_range, rotation, brightness
        self.rng = random.Random(0)
        self.order = list(range(len(data)))

    def __len__(self) -> int:
        return -(-len(self.paths) // BATCH_SIZE)

    def __getitem__(self, index: int):
        """Return one batch of pictures and labels."""
        rows = self.order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        pictures = np.empty((len(rows), self.size, self.size, 3))
        for place, row in enumerate(rows):
            picture = cv2.cvtColor(cv2.imread(self.paths[row]), cv2.COLOR_BGR2RGB)
            picture = cv2.resize(picture, (self.size, self.size))
            pictures[place] = self._changed(picture) if self.augment else picture
        return pictures, self.labels[rows]

    def on_epoch_end(self) -> None:
        """Mix the rows."""
        if self.augment:
            self.rng.shuffle(self.order)

    def _changed(self, picture: np.ndarray) -> np.ndarray:
        zoom = self.rng.uniform(*self.zoom_range)
        larger = cv2.resize(picture, (int(self.size / zoom), int(self.size / zoom)))
        top, left = (self.rng.randint(0, larger.shape[0] - self.size) for _ in range(2))
        picture = larger[top : top + self.size, left : left + self.size]
        if self.rotation:
            angle = self.rng.uniform(-self.rotation, self.rotation)
            matrix = cv2.getRotationMatrix2D((self.size / 2, self.size / 2), angle, 1)
            picture = cv2.warpAffine(picture, matrix, (self.size, self.size))
        picture = picture * self.rng.uniform(*self.brightness)
        return np.fliplr(picture) if self.flip and self.rng.random() < 0.5 else picture


def tutorials_batches(data: pd.DataFrame, size: int) -> Iterator[np.ndarray]:
    """The tutorial's generator, with a mirror."""
    generator = TutorialsGenerator(data, size, flip=True)
    return (generator[index][0] for index in range(len(generator)))


def legacy_batches(data: pd.DataFrame, size: int) -> Iterator[np.ndarray]:
    """Keras's legacy generator, which reads with Pillow and transforms with SciPy."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(
        rotation_range=ROTATION, zoom_range=ZOOM, brightness_range=BRIGHTNESS, horizontal_flip=True
    )
    with redirect_stdout(StringIO()):  # it tells how many files it found
        flow = generator.flow_from_dataframe(
            data,
            x_col="path",
            y_col="label",
            target_size=(size, size),
            batch_size=BATCH_SIZE,
            class_mode="binary",
        )
    return (flow[index][0] for index in range(len(flow)))


def tfdata_batches(data: pd.DataFrame, size: int) -> Iterator[np.ndarray]:
    """tf.data on every core, with Keras's layers for augmentation mapped over the batches."""
    low, high = ZOOM
    change = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomZoom((low - 1, high - 1), fill_mode="reflect"),  # negative: closer
            layers.RandomRotation(ROTATION / 360, fill_mode="reflect"),
            layers.RandomBrightness((BRIGHTNESS[0] - 1, BRIGHTNESS[1] - 1), value_range=(0, 255)),
        ]
    )

    def read(path):
        picture = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(picture, (size, size))

    batches = (
        tf.data.Dataset.from_tensor_slices(data["path"].to_numpy(str))
        .map(read, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(BATCH_SIZE)
        .map(lambda pictures: change(pictures, training=True), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )
    return batches.as_numpy_iterator()


def albumentations_batches(data: pd.DataFrame, size: int) -> Iterator[np.ndarray]:
    """albumentations over pictures read by OpenCV, on as many threads as the course uses.

    Raises:
        ImportError: it is not installed; `make bench` does that.
    """
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would look for a newer version on the network
    import albumentations

    low, high = ZOOM
    change = albumentations.Compose(
        [
            albumentations.RandomResizedCrop(size=(size, size), scale=(low**2, high**2), ratio=(1, 1)),
            albumentations.Rotate(ROTATION, border_mode=cv2.BORDER_REFLECT, p=1),
            albumentations.RandomBrightnessContrast(BRIGHTNESS[1] - 1, 0, p=1),
            albumentations.HorizontalFlip(),
        ]
    )
    paths = data["path"].to_numpy()

    def picture(path: str) -> np.ndarray:
        return change(image=cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB))["image"]

    with ThreadPoolExecutor(images.THREADS) as pool:
        for start in range(0, len(paths), BATCH_SIZE):
            yield np.stack(list(pool.map(picture, paths[start : start + BATCH_SIZE]))).astype(np.float32)


AUGMENTATIONS: dict[str, Callable[[pd.DataFrame, int], Iterator[np.ndarray]]] = {
    "the tutorial's generator": tutorials_batches,
    "Keras's legacy ImageDataGenerator": legacy_batches,
    "tf.data with Keras's layers": tfdata_batches,
    "albumentations": albumentations_batches,
}
