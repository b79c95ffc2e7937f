"""What bench.py measured, written down: SVG bar chart, markdown table, JSON.

A record is a dictionary: "programs", a list of {"name", "equal", "seconds"},
seconds being those of each of WAYS that has any; and what the text below says
of the run: "date", "machine", "cores", "load" (before, after), "rounds",
"tier", "qemu" (its version or None). It goes into the JSON file as it is,
with ratios. The functions here only make text; README.md is changed by
put_between, which touches nothing but what stands between its markers.
"""
import json
import math

WAYS = ("native", "qemu", "cold", "warm")
TITLES = {"qemu": "QEMU", "cold": "metic, cold", "warm": "metic, warm"}
BEGIN = "<!-- written by ./dev bench --readme -->"
END = "<!-- end of what ./dev bench --readme wrote -->"

# Sizes of the chart in pixels.
BAR, GAP, LEFT, RIGHT, TOP, PLOT, BOTTOM = 26, 24, 48, 16, 66, 280, 42
WIDTH_MIN, LINE, LETTER = 700, 15, 6.6  # of the small text, at most

# A background of its own: readable wherever it is shown, also where a viewer
# does not know whether the page around it is dark.
STYLE = """
.back { fill: #ffffff; stroke: #d0d7de }
text { fill: #1f2328; font: 12px sans-serif }
.small { font-size: 10.5px }
.title { font-size: 14px; font-weight: bold }
.grid { stroke: #d8dee4 }
.one { stroke: #1f2328; stroke-width: 1.5 }
.qemu { fill: #9aa3ad } .cold { fill: #6cb0ee } .warm { fill: #1a64b0 }
@media (prefers-color-scheme: dark) {
.back { fill: #0d1117; stroke: #30363d }
text { fill: #e6edf3 }
.grid { stroke: #30363d }
.one { stroke: #e6edf3 }
.qemu { fill: #6e7681 } .cold { fill: #a5d4ff } .warm { fill: #388bfd }
}"""


def ratio(program, way):
    """Times of native, or None: no figure, or a wrong output."""
    seconds = program["seconds"]
    if not program["equal"] or not seconds.get(way):
        return None
    return seconds[way] / seconds["native"]


def shown(record):
    """The ways that have a figure anywhere, without native."""
    return [w for w in WAYS[1:]
            if any(ratio(p, w) for p in record["programs"])]


def means(record):
    """Geometric means, of the programs that have all ways' figures, so that
    they can be compared: ({way: mean}, number of programs)."""
    ways = shown(record)
    full = [p for p in record["programs"]
            if ways and all(ratio(p, w) for w in ways)]
    return {w: math.exp(sum(math.log(ratio(p, w)) for p in full) / len(full))
            for w in ways if full}, len(full)


def mean_title(record):
    n, all_of = means(record)[1], len(record["programs"])
    return "geometric mean" + ("" if n == all_of else f" of {n}")


def busy(record):
    return max(record["load"]) > record["cores"] / 2


def method(record):
    """How it was measured, in sentences."""
    text = (f"Whole processes; for each the best of {record['rounds']} rounds,"
            " in each of which all ways take turns; ratios are to native of "
            "the same run. Cold: the translation cache is empty before each "
            "run. Warm: after two runs that filled it. Native is gcc -O2 "
            "-fno-tree-vectorize; its C library uses vectors, the guest's "
            "cannot.")
    if record["tier"] != "auto":
        text += f" Tier: {record['tier']}."
    return text


def machine(record):
    """Where and when, and whether that was a good place."""
    before, after = record["load"]
    text = (f"{record['date']}, {record['machine']}, {record['cores']} "
            f"cores, {record['qemu'] or 'no QEMU'}; load {before:.1f} before,"
            f" {after:.1f} after.")
    if busy(record):
        text += (" The machine was busy with other work: these figures are "
                 "rough.")
    return text


# --- the table --------------------------------------------------------------


def wrapped(text, width=79):
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return "\n".join(lines)


def markdown(record):
    """A table of ratios, and how they came about."""
    ways = shown(record)

    def row(name, native, figures):
        return "| " + " | ".join([name, native] + figures) + " |"

    def cell(x):
        return "-" if x is None else f"{x:.2f}"

    lines = [row("program", "native s", [f"{TITLES[w]} / native"
                                         for w in ways]),
             "|---|---:|" + "---:|" * len(ways)]
    for p in record["programs"]:
        name = p["name"] + ("" if p["equal"] else " (WRONG OUTPUT)")
        lines.append(row(name, cell(p["seconds"]["native"]),
                         [cell(ratio(p, w)) for w in ways]))
    mean, _ = means(record)
    lines.append(row(mean_title(record), "",
                     [cell(mean.get(w)) for w in ways]))
    return "\n".join(lines) + "\n\n" + wrapped(
        method(record) + " " + machine(record)) + "\n"


def put_between(text, new):
    """text with what is between its markers replaced; ValueError if it does
    not have exactly one pair."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or \
            text.index(BEGIN) > text.index(END):
        raise ValueError(f"not one pair of markers: {BEGIN} ... {END}")
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n" + new.strip("\n") + "\n" + END + \
        rest.split(END)[1]


# --- the chart --------------------------------------------------------------


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(
        ">", "&gt;").replace('"', "&quot;")


def limits(values):
    """Powers of two around all values and 1: (lowest, highest) exponent."""
    return (min([0] + [math.floor(math.log2(v)) for v in values]),
            max([1] + [math.ceil(math.log2(v)) for v in values]))


def bar(x, way, value, y):
    """From native's line, up if slower, down if faster; its figure beyond
    its end. y maps a ratio to pixels."""
    middle = x + BAR / 2
    if value is None:
        return [f'<text class="small" x="{middle:.1f}" y="{y(1) - 4:.1f}" '
                'text-anchor="middle">-</text>']
    top, bottom = min(y(value), y(1)), max(y(value), y(1))
    at = top - 4 if value >= 1 else bottom + 12
    return [f'<rect class="{way}" x="{x + 1:.1f}" y="{top:.1f}" '
            f'width="{BAR - 2}" height="{bottom - top:.1f}"/>',
            f'<text class="small" x="{middle:.1f}" y="{at:.1f}" '
            f'text-anchor="middle">{value:.3g}</text>']


def axis(low, high, width, y):
    out = []
    for e in range(low, high + 1):
        v = 2.0 ** e
        kind = "one" if e == 0 else "grid"
        out += [f'<line class="{kind}" x1="{LEFT}" x2="{width - RIGHT}" '
                f'y1="{y(v):.1f}" y2="{y(v):.1f}"/>',
                f'<text class="small" x="{LEFT - 6}" y="{y(v) + 4:.1f}" '
                f'text-anchor="end">{v:g}×</text>']
    return out


def legend(ways):
    out, x = [], LEFT
    for w in ways:
        out += [f'<rect class="{w}" x="{x}" y="36" width="12" height="12"/>',
                f'<text x="{x + 18}" y="46">{TITLES[w]}</text>']
        x += 40 + 7 * len(TITLES[w])
    out.append(f'<text class="small" x="{x}" y="46">logarithmic; 1× is '
               'native, lower is faster</text>')
    return out


def svg(record):
    """A group of bars for each program and one for the means; the axis is
    logarithmic, so bars start at native's line, not at a lower edge."""
    ways = shown(record)
    groups = [(p["name"], {w: ratio(p, w) for w in ways})
              for p in record["programs"]]
    mean = means(record)[0]
    groups.append((mean_title(record), {w: mean.get(w) for w in ways}))
    low, high = limits([v for _, g in groups for v in g.values() if v])
    step = max(BAR * len(ways) + GAP, 100,
               math.ceil((WIDTH_MIN - LEFT - RIGHT) / len(groups)))
    width = LEFT + step * len(groups) + RIGHT
    notes = wrapped(machine(record), (width - LEFT - RIGHT) // LETTER)
    notes = notes.split("\n")
    height = TOP + PLOT + BOTTOM + LINE * len(notes)

    def y(v):
        return TOP + PLOT * (high - math.log2(v)) / (high - low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
           f'height="{height}" viewBox="0 0 {width} {height}">',
           f"<style>{STYLE}\n</style>",
           f'<rect class="back" x="0.5" y="0.5" width="{width - 1}" '
           f'height="{height - 1}" rx="6"/>',
           f'<text class="title" x="{LEFT}" y="24">Time of riscv64 '
           'programs, as a multiple of native</text>']
    out += legend(ways) + axis(low, high, width, y)
    for n, (name, figures) in enumerate(groups):
        middle = LEFT + step * (n + 0.5)
        x = middle - BAR * len(ways) / 2
        for way in ways:
            out += bar(x, way, figures[way], y)
            x += BAR
        bold = ' font-weight="bold"' if n == len(record["programs"]) else ""
        out.append(f'<text x="{middle:.1f}" y="{TOP + PLOT + 26}" '
                   f'text-anchor="middle"{bold}>{escaped(name)}</text>')
    for n, line in enumerate(notes):
        at = TOP + PLOT + BOTTOM + 4 + LINE * n
        out.append(f'<text class="small" x="{LEFT}" y="{at}">'
                   f"{escaped(line)}</text>")
    return "\n".join(out + ["</svg>"]) + "\n"


# --- for programs -----------------------------------------------------------


def as_json(record):
    """The record, with each program's ratios and the means."""
    ways = shown(record)
    full = dict(record, method=method(record), programs=[
        dict(p, ratios={w: ratio(p, w) for w in ways})
        for p in record["programs"]])
    full["mean"], full["mean_of"] = means(record)
    return json.dumps(full, indent=1) + "\n"
