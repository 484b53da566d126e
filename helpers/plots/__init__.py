"""Every figure of the lessons: one function, one figure, returned with its own description."""

from .augmentation import grid_order, score_by_epoch, side_by_side, variants
from .model import (
    feature_maps,
    intervals,
    learning_curves,
    picture_rows,
    schedule,
    training_against_validation,
    weights_of_parts,
)
from .strategies import accuracy_by_seconds, accuracy_by_size, four_boxes, models_a

__all__ = [
    "accuracy_by_seconds",
    "accuracy_by_size",
    "feature_maps",
    "four_boxes",
    "grid_order",
    "intervals",
    "learning_curves",
    "models_a",
    "picture_rows",
    "schedule",
    "score_by_epoch",
    "side_by_side",
    "training_against_validation",
    "variants",
    "weights_of_parts",
]
