"""The stages of a run between its backlog and the pools, connected with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cos_migrate.engine.admission import Admission
from cos_migrate.engine.backlog import Backlog
from cos_migrate.engine.big_objects import BigObjects
from cos_migrate.engine.collect import Collector
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.feed import Feeder
from cos_migrate.engine.options import MigrationOptions
from cos_migrate.engine.plan import Planner
from cos_migrate.engine.probes import Probes
from cos_migrate.engine.streak import FailureStreak
from cos_migrate.engine.submit import Submitter
from cos_migrate.engine.task_table import TaskTable
from cos_migrate.engine.tuning import Tuning
from cos_migrate.engine.unchanged import RecordComparer
from cos_migrate.filters import Filters
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.report import Report
from cos_migrate.sources.base import Source
from cos_migrate.state.store import RecordStore

if TYPE_CHECKING:  # few runs restore
    from cos_migrate.engine.restores import Restores


class Stages:
    """What feeds, plans, restores, submits and collects the objects of one run."""

    def __init__(
        self,
        *,
        options: MigrationOptions,
        source: Source,
        filters: Filters,
        state: RecordStore,
        committer: Committer,
        comparer: RecordComparer,
        backlog: Backlog,
        big_objects: BigObjects,
        probes: Probes,
        admission: Admission,
        streak: FailureStreak,
        tasks: TaskTable,
        pools: Pools,
        tuning: Tuning,
        spool: TempFiles,
        report: Report,
    ) -> None:
        self.restores: Restores | None = None
        """None where archived objects are not restored."""
        if options.restores:
            from cos_migrate.engine.restores import Restores  # noqa: PLC0415 - few runs restore

            self.restores = Restores(
                options.restores,
                state=state,
                committer=committer,
                pools=pools,
                tasks=tasks,
                backlog=backlog,
                streak=streak,
                report=report,
            )
        self.planner = Planner(
            options=options,
            source=source,
            filters=filters,
            committer=committer,
            comparer=comparer,
            big_objects=big_objects,
            restores=self.restores,
            report=report,
        )
        self.collector = Collector(
            tasks=tasks,
            streak=streak,
            probes=probes,
            committer=committer,
            planner=self.planner,
            big_objects=big_objects,
            backlog=backlog,
            spool=spool,
            report=report,
            tuning=tuning,
            restores=self.restores,
            copies=source.copied_by_cos,
        )
        if self.restores is not None:
            self.restores.fail = self.collector.fail
        self.submitter = Submitter(
            tasks=tasks,
            admission=admission,
            big_objects=big_objects,
            collector=self.collector,
            report=report,
        )
        self.feeder = Feeder(
            backlog=backlog,
            planner=self.planner,
            admission=admission,
            submitter=self.submitter,
            committer=committer,
            big_objects=big_objects,
            tasks=tasks,
            pools=pools,
            report=report,
        )
