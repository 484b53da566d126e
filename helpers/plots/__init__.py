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
from .training import confusion, curves_with_spread, heat_maps, mistakes, start_slope_asymptote

__all__ = [
    "accuracy_by_seconds",
    "accuracy_by_size",
    "confusion",
    "curves_with_spread",
    "feature_maps",
    "four_boxes",
    "grid_order",
    "heat_maps",
    "intervals",
    "learning_curves",
    "mistakes",
    "models_a",
    "picture_rows",
    "schedule",
    "score_by_epoch",
    "side_by_side",
    "start_slope_asymptote",
    "training_against_validation",
    "variants",
    "weights_of_parts",
]
