"""The report of a run as one HTML page that needs no network and no scripts."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from cos_migrate.language import ENGLISH, Language, Say
from cos_migrate.model import Status
from cos_migrate.report.charts import area_chart, share_bar
from cos_migrate.report.comparison import CompareResult
from cos_migrate.report.history import SizeClass
from cos_migrate.report.run_report import RunReport
from cos_migrate.report.sinks import Cause
from cos_migrate.report.spelling import spell_seconds, spell_size
from cos_migrate.text import printable

_STYLE = """\
:root{color-scheme:light dark;--ink:#1b2330;--soft:#5a6575;--line:#d9dee6;--paper:#fff;
--card:#f5f7fa;--main:#1f6feb;--good:#1a7f37;--bad:#cf222e;--warn:#9a6700}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa5b4;--line:#333c49;
--paper:#12161c;--card:#1b212a;--main:#589bff;--good:#3fb950;--bad:#ff6b63;--warn:#d9a521}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 3rem;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
p{margin:.4rem 0}.soft{color:var(--soft)}
.badge{display:inline-block;padding:.1rem .6rem;border-radius:1rem;border:1.5px solid;
font-weight:600;font-size:.85rem;vertical-align:.2rem;margin-left:.4rem}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;
margin:1.2rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}
.card b{display:block;font-size:1.2rem;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:.82rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);
vertical-align:top}
th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}
td.path,code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,monospace;font-size:.85em;
overflow-wrap:anywhere}
pre{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;
overflow-x:auto;overflow-wrap:normal}
figure{margin:.8rem 0}figcaption{color:var(--soft);font-size:.85rem}
svg.chart{width:100%;height:auto;display:block}svg text{fill:var(--soft);font-size:7px}
svg .grid{stroke:var(--line);stroke-width:1}svg .area{fill:var(--main);fill-opacity:.75}
svg.bar{width:100%;min-width:4rem;height:.6rem}
details{margin:.3rem 0}summary{cursor:pointer}
@media(max-width:40rem){svg text{font-size:12px}.cards{grid-template-columns:1fr 1fr}
table,tbody,tr,td{display:block}
tr:first-child{display:none}tr{padding:.5rem 0;border-bottom:1px solid var(--line)}
td,td.n{border:0;padding:.05rem 0;text-align:left}
td[data-head]::before{content:attr(data-head)": ";color:var(--soft)}}
@media print{body{max-width:none;padding:0}h2{break-after:avoid}tr,.card,svg{break-inside:avoid}
details>*{display:block}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_BAD = frozenset({"migrate_fail", "differ", "missing", "extra"})


def html_page(report: RunReport, language: Language = ENGLISH) -> str:
    """Return the report of a run as a page in a language."""
    say = language.say
    title = say(f"{report.summary['type']} to {report.summary['bucket']}")
    if report.summary.get("check"):
        title += f", {say('compared')}"
    parts = [
        "<!doctype html>",
        f'<html lang="{language.code}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        *_head(report, title, say),
        *_cards(report, say),
        *_causes(report.causes, say),
        *_throughput(report, say),
        *_sizes(report.size_classes, say),
        *_slowest(report, say),
        *_warnings(report, say),
        *_summary(report, say),
        *_configuration(report, say),
        f'<p class="soft">{_text(report.program)}</p></body></html>',
    ]
    return "\n".join(parts) + "\n"


def _text(value: object) -> str:
    """Return text for HTML, invisible characters escaped."""
    return html.escape(printable(str(value)))


def _head(report: RunReport, title: str, say: Say) -> Iterator[str]:
    status = str(report.summary["status"])
    kind = "good" if status == "ALL_OK" else "warn" if status == "PART_OK" else "bad"
    yield f'<h1>{_text(title)} <span class="badge {kind}">{_text(status)}</span></h1>'
    times = (str(report.summary[key]) for key in ("start_time", "end_time"))
    started, ended = (text[:19].replace("T", " ") for text in times)  # local time, without its zone
    line = say(f"{started} to {ended}, exit code {report.summary['exit_code']}")
    yield f'<p class="soft">{_text(line)}</p>'
    if not report.summary["list_finished"]:
        gap = say(
            "The list of the source is not complete: objects that are not listed are not migrated. "
            "Run again."
        )
        yield f'<p class="warn">{_text(gap)}</p>'


def _cards(report: RunReport, say: Say) -> Iterator[str]:
    seconds = max(report.seconds, 1e-3)
    sent = sum(each.objects for each in report.size_classes)
    yield '<div class="cards">'
    compares = report.summary.get("mode") == "compare"
    for key, name in (_compared_names(say) if compares else _count_names(say)).items():
        count = report.summary[key]
        kind = ' class="bad"' if key in _BAD and count else ""
        yield f'<div class="card"><b{kind}>{count:,}</b><span>{_text(name)}</span></div>'
    if compares:
        yield _card(spell_seconds(report.seconds), say("duration"))
        yield "</div>"
        return
    yield _card(spell_size(report.sent_bytes), say("sent"))
    yield _card(spell_seconds(report.seconds), say("duration"))
    passed = sum(rate.size for rate in report.rates) * report.seconds_each
    yield _card(f"{spell_size(passed / seconds)}/s", say("bytes a second"))
    yield _card(f"{sent / seconds:,.1f}/s", say("objects a second"))
    yield "</div>"


def _count_names(say: Say) -> dict[str, str]:
    """Return the names of the counts of a run, by their names in the summary."""
    return {
        Status.NEW.value: say("new"),
        Status.UPDATE.value: say("updated"),
        Status.SKIP.value: say("unchanged"),
        Status.CONDITION_NOT_MATCH.value: say("left out"),
        Status.FAIL.value: say("failed"),
    }


def _compared_names(say: Say) -> dict[str, str]:
    """Return the names of the counts of a comparison, by their names in the summary."""
    return {
        CompareResult.SAME.value: say("same"),
        CompareResult.DIFFER.value: say("differ"),
        CompareResult.MISSING.value: say("missing"),
        CompareResult.EXTRA.value: say("extra"),
        CompareResult.UNVERIFIED.value: say("unverified"),
    }


def _card(value: str, name: str) -> str:
    return f'<div class="card"><b>{_text(value)}</b><span>{_text(name)}</span></div>'


def _causes(causes: Sequence[Cause], say: Say) -> Iterator[str]:
    if not causes:
        return
    yield _heading(say("Failures by cause"))
    overview = (
        (
            f"{cause.objects:,}",
            f'<b class="bad">{_text(_cause_name(cause))}</b>',
            _text(say(cause.advice)),
            _text(cause.folder or "-"),
        )
        for cause in causes
    )
    heads = (say("objects"), say("cause"), say("what to do"), say("folder with most of them"))
    yield from _table(heads, overview, numbers=(0,), paths=(3,))
    for cause in causes:
        examples = say(f"Examples of {_cause_name(cause)}")
        yield f"<details><summary>{_text(examples)}</summary>"
        rows = (
            (_text(name), _text(say(failure.message)), _text(failure.request_id or "-"))
            for name, failure in cause.samples
        )
        yield from _table((say("object"), say("message"), say("request id")), rows, paths=(0, 2))
        yield "</details>"


def _cause_name(cause: Cause) -> str:
    return f"{cause.status} {cause.code}" if cause.status else cause.code


def _throughput(report: RunReport, say: Say) -> Iterator[str]:
    if not any(rate.size or rate.objects for rate in report.rates):
        return

    def position(index: int) -> str:
        offset = min(report.seconds, index * report.seconds_each)
        return time.strftime("%H:%M:%S", time.localtime(report.started + offset))

    def chart(title: str, values: Sequence[float], spell_value: Callable[[float], str]) -> str:
        drawn = area_chart(_text(title), values, spell_value, position)
        return f"<figure><figcaption>{_text(title)}</figcaption>{drawn}</figure>"

    yield _heading(say("Throughput"))
    sizes = [rate.size for rate in report.rates]
    yield chart(say("Bytes a second"), sizes, lambda size: f"{spell_size(size)}/s")
    objects = [rate.objects for rate in report.rates]
    yield chart(say("Objects a second"), objects, "{:,.0f}/s".format)
    if any(rate.failed for rate in report.rates):
        failed = [float(rate.failed) for rate in report.rates]
        yield chart(say("Failures"), failed, "{:,.0f}".format)


def _sizes(classes: Sequence[SizeClass], say: Say) -> Iterator[str]:
    total, size = sum(each.objects for each in classes), sum(each.size for each in classes)
    if not total:
        return
    yield _heading(say("Sizes of the objects that were sent"))
    rows = (
        (
            _text(_class_name(each, say)),
            f"{each.objects:,}",
            share_bar(each.objects / total),
            _text(spell_size(each.size)),
            share_bar(each.size / (size or 1)),
        )
        for each in classes
        if each.objects
    )
    heads = (say("size"), say("objects"), "", say("bytes"), "")
    yield from _table(heads, rows, numbers=(1, 3))


def _class_name(each: SizeClass, say: Say) -> str:
    if each.below == 1:
        return say("empty")
    if not each.below:
        return say(f"from {spell_size(each.least)}")
    return say(f"below {spell_size(each.below)}")


def _slowest(report: RunReport, say: Say) -> Iterator[str]:
    if not report.slowest:
        return
    yield _heading(say("Slowest objects"))
    rows = (
        (
            _text(slow.cos_path),
            _text(spell_size(slow.size)),
            _text(spell_seconds(slow.seconds)),
            _text(f"{spell_size(slow.size / max(slow.seconds, 1e-3))}/s"),
        )
        for slow in report.slowest
    )
    heads = (say("object"), say("size"), say("time"), say("rate"))
    yield from _table(heads, rows, numbers=(1, 2, 3), paths=(0,))


def _warnings(report: RunReport, say: Say) -> Iterator[str]:
    if report.not_carried:
        yield _heading(say("Warnings about objects"))
        rows = (
            (f"{each.objects:,}", _text(say(each.text)), _text(each.sample))
            for each in report.not_carried
        )
        heads = (say("objects"), say("warning"), say("for example"))
        yield from _table(heads, rows, numbers=(0,), paths=(2,))
    if report.warnings:
        yield f"{_heading(say('Warnings about the run'))}<ul>"
        for text in report.warnings:
            yield f"<li>{_text(say(text))}</li>"
        yield "</ul>"
    if report.more_warnings:
        more = say(f"{report.more_warnings:,} more warnings are in log/warn.log.")
        yield f"<p>{_text(more)}</p>"


def _summary(report: RunReport, say: Say) -> Iterator[str]:
    yield f"{_heading(say('Summary'))}<pre>{html.escape(report.summary_text.strip())}</pre>"


def _configuration(report: RunReport, say: Say) -> Iterator[str]:
    lines = "\n".join(_text(line) for line in report.header)
    yield f"{_heading(say('Configuration'))}<pre>{lines}</pre>"


def _heading(text: str) -> str:
    return f"<h2>{_text(text)}</h2>"


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    paths: Sequence[int] = (),
) -> Iterator[str]:
    """Yield a table; cells are HTML. `numbers` and `paths` are columns of that kind."""
    kinds = {**dict.fromkeys(numbers, ' class="n"'), **dict.fromkeys(paths, ' class="path"')}
    names = [f' data-head="{head}"' if head else "" for head in heads]
    yield '<div class="wide"><table><tr>'
    for column, head in enumerate(heads):
        kind = kinds.get(column, "") if column in numbers else ""
        yield f"<th{kind}>{_text(head)}</th>"
    yield "</tr>"
    for row in rows:
        cells = (
            f"<td{kinds.get(column, '')}{names[column]}>{cell}</td>"
            for column, cell in enumerate(row)
        )
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</table></div>"
