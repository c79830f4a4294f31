"""The connector language: the words of a spec, how a file of them is read, and what it must say as a whole."""

from connectors.spec.system import Limits, Operation, Piece, SequenceStep, Spec, Stream

__all__ = ["Limits", "Operation", "Piece", "SequenceStep", "Spec", "Stream"]
