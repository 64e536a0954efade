"""What is not a function of the product: how it is built, checked, deployed."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
