"""Runs cos-migrate without the reports that it makes of every run, to measure what they cost."""

import runpy
import sys

sys.path.pop(0)  # this folder

from cos_migrate.report import report
from cos_migrate.report.sinks import Sink


class NoFiles(Sink):
    """Writes no report."""

    problem = written = ""

    def __init__(self, *_: object) -> None:
        """Take the place of `ReportFiles`."""


report.ReportFiles = NoFiles
runpy.run_module("cos_migrate", run_name="__main__")
