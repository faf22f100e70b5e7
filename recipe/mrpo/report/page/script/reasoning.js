// Where reasoning first fails: stages, first failure position (FFP) and failure-after rate (FAR), as the study draws them.
import { h, table, words } from "./dom.js";
import { drawnSets, sets } from "./data.js";
import { brief, decimal, interval, plural, share, whole } from "./numbers.js";
import { setColour, setName } from "./words.js";
import { PERCENT, Plot, chart, empty, legend } from "./charts.js";
import { SYMBOLS, setLegend } from "./headline.js";

const STAGES = ["early", "mid", "late"];
const STAGE_COLOURS = ["var(--early)", "var(--mid)", "var(--late)"];

const withFailures = () => drawnSets((set) => set.reasoning.failed_first > 0);

function stages(published) {
  const ours = withFailures().map(({ set }) => ({
    name: setName(set), shares: STAGES.map((stage) => set.reasoning.stages[0].share[stage].value), n: set.reasoning.failed_first,
  }));
  const theirs = published.map((row) => ({ name: `${row.name} (published)`, shares: [row.early, row.mid, row.late], published: true }));
  const rows = [...ours, ...theirs];
  const bars = rows.flatMap((row) => STAGES.map((stage, k) => ({
    row: row.name, stage: k, x1: row.shares.slice(0, k).reduce((a, b) => a + b, 0), x2: row.shares.slice(0, k + 1).reduce((a, b) => a + b, 0),
    share: row.shares[k], published: row.published,
  })));
  return chart({
    title: "Stage of the first failure",
    label: "Shares of early, mid and late first failures; the numbers stand below.",
    caption: "Share of the rollouts that fail at all. Early: FFP below 1/3; mid: below 2/3; late: the rest. The study does not "
      + "publish its cut-offs, and its judge was another: compare rows of one judge.",
    legend: legend(STAGES.map((name, k) => ({ name, colour: STAGE_COLOURS[k], kind: name }))),
    draw: (width) => ({
      height: 34 + rows.length * 30,
      marginLeft: Math.min(230, width * 0.36),
      x: { domain: [0, 1], label: "share of first failures (%)", tickFormat: PERCENT, ticks: 5 },
      y: { domain: rows.map((row) => row.name), label: null, tickFormat: (name) => brief(name, Math.floor(Math.min(230, width * 0.36) / 6.6)) },
      marks: [
        Plot.barX(bars, { y: "row", x1: "x1", x2: "x2", fill: (bar) => STAGE_COLOURS[bar.stage], fillOpacity: (bar) => bar.published ? 0.5 : 1, insetTop: 2, insetBottom: 2, insetRight: 1 }),
        Plot.text(bars.filter((bar) => bar.share * width > 60), {
          y: "row", x: (bar) => (bar.x1 + bar.x2) / 2, text: (bar) => (100 * bar.share).toFixed(0), fill: "var(--on-stage)", fontWeight: 600,
        }),
      ],
    }),
    numbers: table("Stage of the first failure", [
      { title: "Rollouts of", cell: (row) => words(row.name) },
      ...STAGES.map((stage, k) => ({ title: stage, number: true, cell: (row) => share(row.shares[k]) })),
      { title: "First failures", number: true, cell: (row) => row.n === undefined ? "–" : whole(row.n) },
    ], rows),
  });
}

function binLine({ title, label, caption, valueOf, y, numbers }) {
  const shown = withFailures();
  const points = shown.flatMap(({ set, i }) => set.reasoning.ffp_bins.map((bin) => ({ bin, from: bin.from, to: bin.to, set: i, x: (bin.from + bin.to) / 2, ...valueOf(bin) })))
    .filter((point) => point.value !== null);
  return chart({
    title, label, caption,
    legend: sets.length > 1 && setLegend(shown.map(({ i }) => i)),
    draw: () => ({
      height: 260,
      x: { domain: [0, 1], label: "first failure position (FFP)", ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] },
      y: { ...y, tickFormat: PERCENT, ticks: 5 },
      marks: [
        Plot.gridY({ stroke: "var(--grid)", strokeOpacity: 1, ticks: 5 }),
        Plot.ruleY([0], { stroke: "var(--axis)" }),
        shown.length === 1 && Plot.rectY(points, { x1: "from", x2: "to", y: "value", fill: setColour(shown[0].i), fillOpacity: 0.75, insetLeft: 2, insetRight: 2 }),
        shown.map(({ i }) => {
          const mine = points.filter((point) => point.set === i);
          return [
            Plot.ruleX(mine.filter((point) => point.low !== null), { x: "x", y1: "low", y2: "high", stroke: shown.length === 1 ? "var(--ink)" : setColour(i), strokeOpacity: shown.length === 1 ? 0.7 : 0.45, strokeWidth: 2 }),
            shown.length > 1 && Plot.line(mine, { x: "x", y: "value", stroke: setColour(i), strokeWidth: 2 }),
            shown.length > 1 && Plot.dot(mine, { x: "x", y: "value", fill: setColour(i), r: 4.5, symbol: SYMBOLS[i % 8] }),
          ];
        }),
      ],
    }),
    numbers: table(title, numbers, points),
  });
}

const BIN = { title: "FFP", cell: (bin) => `${bin.from.toFixed(1)} – ${bin.to.toFixed(1)}` };
const SET = { title: "Rollouts of", cell: (bin) => words(setName(sets[bin.set])) };

function positions() {
  return binLine({
    title: "First failure position",
    label: "Distribution of the first failure position in bins of 0.2; the numbers stand below.",
    caption: "FFP = (k* − 1) / (K − 1): 0 if the first of K steps is the first invalid one, 1 if the last is. Share of the rollouts that fail at all.",
    valueOf: (bin) => bin.share,
    y: { label: "share of first failures (%)", zero: true },
    numbers: [BIN, SET, { title: "Share", number: true, cell: (point) => share(point.value) }, { title: "Interval", number: true, cell: (point) => interval(point) }, { title: "Rollouts", number: true, cell: (point) => whole(point.bin.rollouts) }],
  });
}

function after() {
  return binLine({
    title: "Failure-after rate",
    label: "Mean failure-after rate by first failure position, in bins of 0.2; the numbers stand below.",
    caption: "FAR: share of invalid steps among those after the first invalid one (none after it: 0). Line: its interval, clustered as above.",
    valueOf: (bin) => bin.far,
    y: { label: "failure-after rate (%)", domain: [0, 1] },
    numbers: [BIN, SET, { title: "FAR", number: true, cell: (point) => share(point.value) },
      { title: "Interval", number: true, cell: (point) => interval(point) }, { title: "Rollouts", number: true, cell: (point) => whole(point.bin.rollouts) }],
  });
}

// Every pair of cut-offs, as share of the first failures and as rate over all rollouts.
function cutOffs() {
  const rows = drawnSets().flatMap(({ set, i }) => set.reasoning.stages.map((stage) => ({ set, i, stage })));
  const figure = (part, name) => ({ title: `${name}, ${part === "share" ? "of failures" : "of all"}`, number: true, cell: ({ stage }) => [share(stage[part][name].value), h("span", { class: "range" }, interval(stage[part][name]))] });
  return table("The study's cut-offs are unpublished: three pairs. A rollout without labels counts as one that did not fail.", [
    { title: "Rollouts of", cell: ({ set }) => words(setName(set)) },
    { title: "Cut-offs", cell: ({ stage }) => stage.cuts.map((cut) => cut.toFixed(2)).join(", ") },
    ...STAGES.map((name) => figure("share", name)), ...STAGES.map((name) => figure("rate", name)),
  ], rows);
}

// Answers against reasoning, and how long the reasoning is.
function against() {
  return table("Right answers need not rest on valid reasoning. Over answers with labelled steps.", [
    { title: "Rollouts of", cell: ({ set }) => words(setName(set)) },
    { title: "Right answers, invalid step", number: true, cell: ({ set }) => [share(set.reasoning.answers.right_with_invalid_reasoning.value), h("span", { class: "range" }, interval(set.reasoning.answers.right_with_invalid_reasoning))] },
    { title: "Wrong answers, all steps valid", number: true, cell: ({ set }) => [share(set.reasoning.answers.wrong_with_valid_reasoning.value), h("span", { class: "range" }, interval(set.reasoning.answers.wrong_with_valid_reasoning))] },
    { title: "No invalid step", number: true, cell: ({ set }) => share(set.reasoning.no_invalid_step.value) },
    { title: "Steps", number: true, cell: ({ set }) => decimal(set.reasoning.steps_per_answer.value) },
    { title: "Labelled", number: true, cell: ({ set }) => whole(set.reasoning.labelled) },
    { title: "Not known", number: true, cell: ({ set }) => h("span", { class: set.reasoning.not_known ? "warn" : null }, whole(set.reasoning.not_known)) },
  ], drawnSets());
}

export function reasoning(published) {
  const shown = withFailures();
  const labelled = drawnSets().reduce((n, { set }) => n + set.reasoning.labelled, 0);
  return h("section", { id: "reasoning", "aria-labelledby": "reasoning-title" },
    h("h2", { id: "reasoning-title" }, "Where reasoning first fails"),
    shown.length
      ? [h("div", { class: "charts" }, positions(), after()), h("div", { class: "charts" }, stages(published), h("div", { class: "chart" }, h("h3", {}, "Answers and reasoning"), against())),
        h("details", { class: "numbers" }, h("summary", {}, "Stages with other cut-offs, and as rates over all rollouts"), cutOffs())]
      : empty(labelled
        ? `No labelled rollout has an invalid step (${plural(labelled, "labelled rollout")}).`
        : "No rollout has step labels: the judge failed or was left out for all of them."));
}
