"""The exercises' checks, one module a lesson, and what stands in for an exercise that is not done."""

from .augmentation import check_centre_rotation, check_pipeline, check_ranges
from .checking import Check, Choice, NotRight, done_or
from .data_survey import check_balanced_accuracy, check_choose_limit, check_sound
from .fine_tuning import check_early_stopping, check_interval, check_layers_that_learn
from .strategies import check_pareto_optimal, check_strategies
from .stratified_split import check_accuracy_to_report, check_leaked, check_photos_needed
from .warm_up import check_diagnosis, check_preprocess, check_trainable_weights

__all__ = [
    "Check",
    "Choice",
    "NotRight",
    "check_accuracy_to_report",
    "check_balanced_accuracy",
    "check_centre_rotation",
    "check_choose_limit",
    "check_diagnosis",
    "check_early_stopping",
    "check_interval",
    "check_layers_that_learn",
    "check_leaked",
    "check_pareto_optimal",
    "check_photos_needed",
    "check_pipeline",
    "check_preprocess",
    "check_ranges",
    "check_sound",
    "check_strategies",
    "check_trainable_weights",
    "done_or",
]
