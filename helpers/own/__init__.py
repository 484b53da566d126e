"""Pictures of the reader's own, from a folder to a model: what the appendix and `classify` share."""

from .birds import draw_birds, example_folder, example_photo
from .card import model_card
from .folder import Findings, Parts, inspect, split
from .models import Comparison, compare, fine_tuned, train_head

__all__ = [
    "Comparison",
    "Findings",
    "Parts",
    "compare",
    "draw_birds",
    "example_folder",
    "example_photo",
    "fine_tuned",
    "inspect",
    "model_card",
    "split",
    "train_head",
]
