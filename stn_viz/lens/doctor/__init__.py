"""The doctor: rules over a run that say what is wrong with a transformer, where it shows, why, and what to do."""

from stn_viz.lens.doctor.examining import Examination, examination, examine
from stn_viz.lens.doctor.findings import Finding, Severity, Skipped

__all__ = ["Examination", "Finding", "Severity", "Skipped", "examination", "examine"]
