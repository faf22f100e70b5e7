"""MRPO for verl: step-level credit for medical reasoning (arXiv 2606.31825)."""

__version__ = "0.2.0"
