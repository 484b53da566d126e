"""The rooms behind the transfer-learning lessons: one module a topic, imported by name.

`from helpers import datasets, survey` loads those two and nothing else: TensorFlow comes in only
with the rooms that need it: framework, and those that import from it (augment, lite, backbones, features,
classifier, training, transfer, evaluate, explore, distributed; of `study`: strategies, networks, grid,
comparison, paired, autopsy, augmentation, staircase).

For the reader are these functions and classes, each under the lesson that uses it first:

Lesson 1, what is in the data:
    datasets.load_dog_cat, datasets.draw_pets, datasets.manifest, images.read, images.fit,
    survey.inspect, survey.find_near_duplicates, survey.edge_features
Lesson 2, parts to train on, to choose by and to test on:
    splits.split, splits.near_duplicate_groups
Lesson 3, pictures changed at random; `augmentation` is in `helpers.study`:
    drawings.draw_pet, drawings.test_card, augment.Parameters, augment.Augmenter,
    augment.apply, augment.affine_matrix, augment.ImageBatches, backbones.load, explore.augmentation,
    runtime.local, augmentation.run_cell, augmentation.gains
Lesson 4, a new head on a base network:
    images.read_many, transfer.build_classifier, transfer.head_of, transfer.warm_up_on_features,
    features.extract, features.forward_of, evaluate.cross_validate, evaluate.score, evaluate.accuracy_interval
Lesson 5, the base network trains as well, and the result is looked at; `staircase` is in `helpers.study`:
    transfer.freeze, transfer.unfreeze, transfer.count_weights, transfer.fine_tune, transfer.save,
    transfer.load, staircase.results, staircase.curves, staircase.right, evaluate.predict,
    evaluate.summarise_curve, evaluate.worst_mistakes, evaluate.grad_cam, own.inspect, own.Parts,
    own.model_card, explore.own_photo, runtime.kept, colab.training_folder
Lesson 6, strategies compared; its modules are in `helpers.study`:
    autopsy.waterfall, autopsy.gaps, domains.load, comparison.results, comparison.table,
    comparison.on_pareto_front, comparison.recommend, grid.rate_losses, grid.grid_cells, grid.measure_with,
    paired.means, paired.answers, paired.differences, paired.boxes,
    strategies.bottleneck, strategies.patience_for
Appendix model_leaves_the_notebook, a model for devices without Keras:
    own.train_head, explore.threshold
Appendix your_own_pictures, a folder of one's own from end to end:
    datasets.load_folder, own.example_folder, own.split, own.fine_tuned, own.compare, own.example_photo,
    evaluate.predict_photo, splits.class_weights

Besides, `plots` draws the lessons' figures, `exercises` checks answers, `transfer.warm_up` trains a head on
pictures that are augmented, and `distributed` trains on several devices.

`help(splits.split)` tells what a function takes and returns, and shows an example. The examples rely on
what lessons import: these modules, `keras`, `np` (NumPy), `pd` (pandas), and `Path` of `pathlib`.
"""

import logging
import os

# TensorFlow reads these when it is first imported; a lesson's output is no place for its start-up log.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Keras reads this one; a backend chosen for other work, here or in `keras.json`, is not the course's.
os.environ["KERAS_BACKEND"] = "tensorflow"

# Its Python side warns of functions traced anew: a lesson that builds many models does that on purpose.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
