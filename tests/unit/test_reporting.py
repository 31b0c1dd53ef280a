"""Laws of the reports: everything is there, the numbers read back, nothing hostile gets through, nothing is loaded."""

import csv
import html as htmllib
import io
import json
import math
import re
import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser

import pytest
from rich.console import Console

from ganeval.compare import compare
from ganeval.errors import GanevalError
from ganeval.reporting import (
    Curve,
    Flag,
    Grid,
    Report,
    Section,
    Table,
    csv_text,
    format_score,
    format_value,
    html,
    latex,
    markdown,
    show,
    table,
    write_report,
)
from ganeval.reporting.charts import PLOT_HEIGHT, Axis, bar_chart, line_charts
from ganeval.reporting.flags import flags
from ganeval.reporting.markdown import sections_markdown
from ganeval.reporting.numbers import column_decimals
from ganeval.scorecard import ImageSetRecord, Score, Scorecard

HOSTILE = [
    '<script>alert("x")</script>',
    "a|b `c` *d* [e](http://f.test)",
    '"><img src=http://evil.test/x.png onerror=alert(1)>',
    r"50% \input{x} $y$ ~z^2 & #1 {",
    "=SUM(A1)",
    "{{ 7 * 7 }}",
    "[0] * first",
    "very_long_name_" * 12,
]
METRICS = [
    ("fd", "lower"),
    ("kid", "lower"),
    ("precision", "higher"),
    ("authpct", "higher"),
    ("odd<metric>", "neither"),
]
VALUES = [(512.4, 0.0812, 0.61, 72.3, 1.0), (554.1, -0.0931, 0.66, 70.1, 2.0), (17.2, 0.0007, 0.94, 51.2, 0.0)]


def png(width=8, height=8):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + bytes(i % 256 for i in range(width)) for _ in range(height)))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def card(name, values, *, seed=0, features="net.pool"):
    scores = [
        Score(
            metric=metric,
            features=features,
            value=value,
            low=value - 0.125 if metric == "fd" else None,
            high=value + 0.25 if metric == "fd" else None,
            method="95 % interval <by hand>" if metric == "fd" else "point estimate",
            better=better,
            counts={"real": 2000, "fake": 2000},
            options={"k": 3},
        )
        for (metric, better), value in zip(METRICS, values)
    ]
    return Scorecard(
        name=name,
        fake=ImageSetRecord(name=name, fingerprint="0123456789abcdef", count=2000, skipped=["bad<name>.png"]),
        reference=ImageSetRecord(name="photos <of> cats", fingerprint="fedcba9876543210", count=2000),
        protocol={"preset": "ganeval", "seed": seed, "fingerprint": f"c0ffee{seed:010d}"},
        scores=scores,
        environment={"python": "3.11", "platform": "Linux <x>"},
        seconds={"pass over fake": 12.5, "fd": 0.031},
    )


@pytest.fixture
def comparison():
    names = ["wgan_gp", "dcgan", "held-out real"]
    return compare([card(n, v) for n, v in zip(names, VALUES)], yardsticks={"held-out real"})


@pytest.fixture
def hostile():
    return compare([card(name, VALUES[i % 3]) for i, name in enumerate(HOSTILE)], yardsticks={HOSTILE[2]})


def full(comparison, title="A title"):
    names = [row.name for row in comparison.rows]
    return Report(
        title=title,
        lead="Lead & more.",
        comparison=comparison,
        main=("fd", "precision"),
        grids=[Grid(name, f"caption of {name}", png()) for name in names],
        curves=[Curve(names[0], [0, 30, 60], [900, 600, 512.4], "fd"), Curve(names[1], [0, 60], [880, 554.1], "fd")],
        flags=[Flag(names[-1], "serious", "copied <from> the training set")],
        sections=[
            Section(
                "A <section>",
                ["What & why."],
                Table(["model", "worth <b>"], [[names[0], "1 < 2"]]),
                [Curve(names[0], [0, 1], [3, 2], "W")],
                [Grid("figure", "of <weights>", png())],
            )
        ],
        notes=["A <note>."],
        commands=["ganeval demo --out '<x>'"],
    )


class Page(HTMLParser):
    """Collects text and attributes, and fails on tags that do not nest."""

    VOID = frozenset({"meta", "img", "br", "line", "polyline", "path", "link", "input", "hr"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_what_several_metrics_say_against_their_numbers_is_said_once():
    plain = card("dcgan", VALUES[0])
    said = {"fd": ["few samples", "no Gaussians"], "kid": ["few samples"], "precision": []}
    scores = [one.model_copy(update={"details": {"warnings": said.get(one.metric, [])}}) for one in plain.scores]
    told = flags(plain.model_copy(update={"scores": scores}), "a name")
    doubts = [flag.text for flag in told if flag.text.startswith(("fd", "kid"))]
    assert doubts == ["fd, kid: few samples", "fd: no Gaussians"]


@pytest.mark.parametrize("exponent", range(-9, 9))
def test_a_value_is_written_with_at_least_four_digits(exponent):
    value = 1.23456789 * 10.0**exponent
    assert float(format_value(value)) == pytest.approx(value, rel=5e-4)
    assert float(format_value(-value)) == pytest.approx(-value, rel=5e-4)


def test_values_that_are_no_numbers_are_written_as_words():
    assert [format_value(v) for v in (math.nan, math.inf, -math.inf)] == ["not a number", "∞", "-∞"]


def test_a_nonzero_value_never_looks_like_zero():
    assert float(format_value(1e-9, decimals=4)) == pytest.approx(1e-9)


def test_an_interval_has_brackets_and_never_a_plus_minus(comparison):
    text = format_score(comparison.rows[0].cells[0].score, 1)
    assert text == "512.4 [512.3, 512.6]"
    assert not any("±" in output for output in (markdown(comparison), latex(comparison), html(full(comparison))))


# --- tables in text ---------------------------------------------------------------------------------------------------


def test_an_interval_that_need_not_hold_its_value_is_explained(comparison):
    assert "infinitely many" not in markdown(comparison)
    corrected = card("corrected", VALUES[0])
    corrected.scores[0] = corrected.scores[0].model_copy(update={"details": {"bias_corrected": 500.0}})
    assert "Those of fd are for infinitely many images" in markdown(compare([corrected]))


def table_lines(text):
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]


def test_markdown_rows_have_as_many_fields_as_the_header(comparison, hostile):
    for one in (comparison, hostile):
        lines = table_lines(markdown(one))
        assert {len(fields) for fields in lines} == {len(METRICS) + 1}
        assert len(lines) == len(one.rows) + 2
    assert "wgan_gp" in markdown(comparison)


def test_markdown_bold_is_the_best_model(comparison):
    rows = {fields[0].strip(): fields for fields in table_lines(markdown(comparison))}
    bold = [[("**" in field) for field in rows[name][1:]] for name in ("wgan_gp", "dcgan", "*held-out real*")]
    assert bold == [[True, False, False, True, False], [False, True, True, False, False], [False] * 5]


def test_markdown_leaves_no_html(hostile):
    assert not re.search(r"(?<!\\)<", markdown(hostile))


def test_latex_has_balanced_braces_and_escapes(hostile, comparison):
    text = latex(hostile)
    bare = re.sub(r"\\[{}\\%&#_$]", "", text)
    assert bare.count("{") == bare.count("}")
    body = text.split("\n", 1)[1]
    assert r"\input" not in body
    assert not re.search(r"(?<!\\)[%#]", body)
    rows = [line for line in body.splitlines() if line.endswith(r" \\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(METRICS)}
    assert not any(row.startswith(("[", "*")) for row in rows)
    assert [r"\textbf{" in line for line in latex(comparison).splitlines() if line.startswith(("wgan", "held"))] == [
        *(True, False)
    ]


def test_csv_reads_back_to_the_same_numbers(comparison, hostile):
    records = list(csv.DictReader(io.StringIO(csv_text(comparison))))
    assert len(records) == len(comparison.rows) * len(METRICS)
    for record in records:
        row = next(row for row in comparison.rows if row.name == record["model"])
        cell = row.cells[comparison.column(record["metric"])]
        assert float(record["value"]) == cell.score.value
        assert (record["low"] == "") == (cell.score.low is None)
        assert (record["best"], record["yardstick"]) == ("yes" if cell.best else "no", "yes" if row.yardstick else "no")
        assert json.loads(record["options"]) == {"k": 3}
    names = {record["model"] for record in csv.DictReader(io.StringIO(csv_text(hostile)))}
    assert "'=SUM(A1)" in names
    assert not any(name.startswith(("=", "+", "-", "@")) for name in names)


def shown(comparison):
    console = Console(width=400, file=io.StringIO())
    console.print(table(comparison))
    return console.file.getvalue()


def test_every_output_has_every_name_and_value(comparison):
    page = Page(html(full(comparison))).text
    for index, _ in enumerate(comparison.columns):
        decimals = column_decimals(comparison, index)
        for row, cell in comparison.cells(index):
            value = format_value(cell.score.value, decimals)
            for text in (markdown(comparison), shown(comparison), page):
                assert row.name in text
                assert value in text
            assert value.replace("-", r"\textminus{}") in latex(comparison)


def test_the_terminal_takes_names_literally(hostile):
    assert "[0] * first" in shown(hostile)


def test_a_pipe_gets_the_whole_table_and_a_narrow_terminal_gets_it_in_pieces(comparison, capsys, monkeypatch):
    show(comparison)
    whole = capsys.readouterr().out
    assert whole.count("wgan_gp") == 1
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "50")
    show(comparison)
    pieces = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert pieces.count("wgan_gp") > 1
    assert "…" not in pieces
    assert all(f"{metric}" in pieces for metric, _ in METRICS)
    assert max(map(len, pieces.split("Features:")[0].splitlines())) <= 50


# --- the page ---------------------------------------------------------------------------------------------------------


def reports(comparison, hostile):
    forced = compare([card("a", VALUES[0]), card("b", VALUES[1], seed=4)], force=True)
    mixed = compare([card("a", VALUES[0]), card("b", VALUES[1], features="other.pool")])
    one = compare([card(HOSTILE[0], VALUES[0])])
    return {
        "full": full(comparison),
        "hostile": full(hostile, title=HOSTILE[2]),
        "forced": full(forced),
        "mixed": Report("t", "", mixed),
        "single": Report("t", "", one, grids=[Grid(HOSTILE[0], "", png(900, 4))], main=("kid",)),
        "empty": Report("t", "", compare([card("nothing", ())])),
    }


CASES = ["full", "hostile", "forced", "mixed", "single", "empty"]


@pytest.fixture
def page_of(comparison, hostile):
    return lambda case: html(reports(comparison, hostile)[case])


@pytest.mark.parametrize("case", CASES)
def test_the_page_nests_and_loads_nothing(page_of, case):
    text = page_of(case)
    page = Page(text)
    assert "Content-Security-Policy" in text
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "srcset", "xlink:href", "data", "poster", "background"):
            assert attributes.get(name, "#").startswith(("data:image/png;base64,", "#"))
        assert not re.search(r"url\(|@import|expression", attributes.get("style") or "")
    style = text.split("<style>")[1].split("</style>")[0]
    assert not re.search(r"url\(|@import", style)


@pytest.mark.parametrize("case", CASES)
def test_the_page_can_be_read_aloud(page_of, case):
    tags = Page(page_of(case)).tags
    assert all(attributes.get("scope") in {"row", "col"} for tag, attributes in tags if tag == "th")
    assert all(attributes.get("alt") for tag, attributes in tags if tag == "img")
    assert all(
        attributes.get("aria-label") or attributes.get("aria-hidden") for tag, attributes in tags if tag == "svg"
    )
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for _, attributes in tags if "href" in attributes}
    targets |= {attributes["aria-labelledby"] for _, attributes in tags if "aria-labelledby" in attributes}
    assert targets <= set(ids)


def test_hostile_text_is_shown_and_never_run(hostile):
    report = Report(HOSTILE[0], HOSTILE[2], hostile, notes=HOSTILE, commands=HOSTILE)
    text = html(report)
    page = Page(text)
    assert "<script" not in text
    for name in HOSTILE:
        assert name in page.text
    assert [tag for tag, _ in page.tags if tag == "img"] == []


def test_empty_sections_vanish(comparison):
    bare, whole = html(Report("t", "", comparison)), html(full(comparison))
    for heading in ("Samples", "How it got there", "A &lt;section&gt;", "Notes", "Make this report again"):
        assert f">{heading}</h2>" in whole
        assert f">{heading}</h2>" not in bare
    assert 'class="flag ' in whole
    assert 'class="flag ' not in bare


def test_the_best_cells_of_the_page_are_the_best(comparison):
    body = html(full(comparison)).split('<table class="scores"')[1].split("</table>")[0]
    rows = body.split("<tr")[2:]
    assert [row.count('class="best"') for row in rows] == [2, 2, 0]
    assert "wgan_gp" in rows[0]


def test_force_is_marked_and_explained_everywhere():
    forced = compare([card("a", VALUES[0]), card("b", VALUES[1], seed=4)], force=True)
    for text in (markdown(forced), html(full(forced))):
        assert "70.10 †" in text
        assert "protocol.seed 4 instead of 0" in text
    assert r"$^\dagger$" in latex(forced)
    assert {r["comparable"] for r in csv.DictReader(io.StringIO(csv_text(forced))) if r["model"] == "b"} == {"no"}


def test_write_report_writes_four_files(comparison, tmp_path):
    paths = write_report(full(comparison), tmp_path / "deep" / "folder")
    assert [path.name for path in paths] == ["index.html", "comparison.md", "comparison.tex", "comparison.csv"]
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(path.name for path in paths)


def test_what_is_no_picture_and_no_curve_is_refused(comparison):
    with pytest.raises(GanevalError, match="no PNG"):
        Grid("x", "", b"GIF89a" + b"\0" * 30)
    with pytest.raises(GanevalError, match="one y per x"):
        Curve("x", [1.0], [], "fd")
    with pytest.raises(GanevalError, match="not finite"):
        Curve("x", [1.0], [math.nan], "fd")
    with pytest.raises(GanevalError, match="a row of 1 fields"):
        Table(["model", "value"], [["gan"]])
    with pytest.raises(GanevalError, match="did you mean 'fd'"):
        html(Report("t", "", comparison, main=("fdd",)))


def test_a_section_says_the_same_on_the_page_and_in_markdown(comparison):
    page, text = Page(html(full(comparison))), sections_markdown(full(comparison).sections)
    for part in ("A <section>", "What & why.", "1 < 2"):
        assert part in page.text
    assert "## A \\<section\\>\n\nWhat &amp; why.\n\n| model | worth \\<b\\> |" in text
    assert "| wgan_gp | 1 \\< 2 |" in text
    assert any(tag == "img" and "of <weights>" in attributes["alt"] for tag, attributes in page.tags)


# --- charts -----------------------------------------------------------------------------------------------------------


def test_bars_stand_best_first_and_in_proportion(comparison):
    bars = bar_chart(comparison, 0).bars
    assert [bar.name for bar in bars] == ["held-out real", "wgan_gp", "dcgan"]
    assert bars[1].width / bars[2].width == pytest.approx(512.4 / 554.1, rel=1e-3)
    assert [bar.name for bar in bar_chart(comparison, 2).bars] == ["held-out real", "dcgan", "wgan_gp"]


def test_a_negative_value_lies_left_of_zero(comparison):
    chart = bar_chart(comparison, 1)
    negative = next(bar for bar in chart.bars if bar.name == "dcgan")
    assert negative.start == 0
    assert negative.width == pytest.approx(chart.axis.place(0), abs=0.01)


def test_the_scale_is_logarithmic_only_where_bars_would_vanish():
    near = compare([card(n, (v,)) for n, v in (("a", 5.0), ("b", 400.0), ("c", 500.0))])
    far = compare([card(n, (v,)) for n, v in (("a", 0.5), ("b", 2.0), ("c", 500.0))])
    assert not bar_chart(near, 0).axis.log
    assert bar_chart(far, 0).axis.log
    assert "logarithmic scale" in html(Report("t", "", far))
    assert "logarithmic scale" not in html(Report("t", "", near))


@pytest.mark.parametrize(("low", "high"), [(0, 865), (0, 1), (-0.09, 0.08), (0, 60), (0, 3e-5), (0, 1e6)])
def test_ticks_are_few_round_and_within(low, high):
    ticks = Axis(low, high).ticks()
    assert 3 <= len(ticks) <= 9
    assert all(0 <= tick.at <= 100 for tick in ticks)
    assert len({tick.text for tick in ticks}) == len(ticks)
    assert all(Axis(low, high).place(float(tick.text)) == pytest.approx(tick.at, abs=0.01) for tick in ticks)


def test_curves_fall_where_values_fall_and_yardsticks_lie_at_their_value(comparison):
    curves = [Curve("a", [0, 30, 60], [900, 600, 17.2], "fd"), Curve("b", [1, 2], [1, 2], "loss")]
    fd, loss = line_charts(curves, comparison)
    assert [x for x, _ in fd.lines[0].points] == [0, 50, 100]
    heights = [y for _, y in fd.lines[0].points]
    assert heights == sorted(heights)
    assert fd.levels[0].at == [heights[-1]]
    assert loss.levels == []


def test_labels_of_near_yardsticks_become_one():
    names = {"a": 20.0, "real": 17.0, "copy": 18.0, "noise": 900.0}
    near = compare([card(n, (v,)) for n, v in names.items()], yardsticks={"real", "copy", "noise"})
    (chart,) = line_charts([Curve("a", [0, 1], [800.0, 20.0], "fd")], near)
    assert [level.label.count("·") for level in chart.levels] == [0, 1]
    gap = abs(chart.levels[0].label_at - chart.levels[1].label_at) * PLOT_HEIGHT / 100
    assert gap >= 20


# --- in a browser -----------------------------------------------------------------------------------------------------

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
MEASURE = """
<script>addEventListener('load', () => {
  const found = {};
  for (const frame of document.querySelectorAll('iframe')) {
    const page = frame.contentDocument, width = page.documentElement.clientWidth, out = [];
    for (const e of page.querySelectorAll('body *')) {
      const box = e.getBoundingClientRect();
      const inside = e.closest('.scroll, details:not([open]), .hidden, thead');
      if (box.width && !inside && (box.right > width + 1 || box.left < -1)) out.push(e.outerHTML.slice(0, 120));
    }
    const sizes = [...page.querySelectorAll('body *')].filter(e => e.innerText?.trim())
      .map(e => parseFloat(frame.contentWindow.getComputedStyle(e).fontSize));
    found[frame.id] = {scroll: page.documentElement.scrollWidth, width, out, smallest: Math.min(...sizes)};
  }
  document.body.dataset.found = JSON.stringify(found);
})</script>
"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_nothing_overflows_on_a_phone_or_a_desk(comparison, hostile, tmp_path):
    # The policy of the page forbids scripts; the measuring script stands outside, in the page that frames it.
    frames = [
        f'<iframe id="{case} {width}" style="border:0;width:{width}px;height:900px" '
        f'srcdoc="{htmllib.escape(html(report))}"></iframe>'
        for case, report in reports(comparison, hostile).items()
        for width in (360, 1200)
    ]
    outer = tmp_path / "outer.html"
    outer.write_text(f"<!DOCTYPE html><body>{''.join(frames)}{MEASURE}", encoding="utf-8")
    run = subprocess.run(
        ["chromium", *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", outer.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = json.loads(htmllib.unescape(re.search(r'data-found="([^"]*)"', run.stdout).group(1)))
    assert len(found) == 2 * len(CASES)
    for name, page in found.items():
        assert page["width"] == int(name.split()[1])
        assert page["scroll"] <= page["width"], (name, page)
        assert page["out"] == [], name
        assert page["smallest"] >= 11, name
