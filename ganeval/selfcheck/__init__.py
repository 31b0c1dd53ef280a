"""Which metrics can be trusted for these images, these features and this number of images? `selfcheck(Job(...))`."""

from ganeval.selfcheck.job import Job, Selfcheck, selfcheck

__all__ = ["Job", "Selfcheck", "selfcheck"]
