"""The kinds of plots, which can be listed without matplotlib."""

KINDS = {
    "gains": "gain of each method over the student alone",
    "labels": "gain of each method by the number of labels",
    "transfer": "gains as a matrix of the teacher's and student's modalities",
    "critical": "average ranks with critical differences",
    "cost": "accuracy against training time and extra parameters",
    "learning": "learning curves",
    "logged": "what methods logged while they trained",
    "gap": "gap between the modalities against the gain",
    "tuning": "test accuracy against the number of trials",
}
"""By name, what the pictures show."""
