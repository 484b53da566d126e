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

__all__ = [
    "feature_maps",
    "grid_order",
    "intervals",
    "learning_curves",
    "picture_rows",
    "schedule",
    "score_by_epoch",
    "side_by_side",
    "training_against_validation",
    "variants",
    "weights_of_parts",
]
