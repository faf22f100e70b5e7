// The page of `make evidence`: each comparison with its table, its paired seeds and its curves of training.
import { byId, h, replace, table, words } from "./dom.js";
import { plural, share, signed } from "./numbers.js";
import { startTheme } from "./theme.js";
import { PERCENT, Plot, chart, empty, legend } from "./charts.js";

const found = JSON.parse(byId("overview").textContent);
const METRICS = [
  { key: "early_rate", name: "Early failures", of: "Early failures, of all rollouts" },
  { key: "accuracy", name: "Accuracy", of: "Accuracy" },
];
const colourOf = (k) => `var(--run-${k % 8})`;
const points = (value) => signed(100 * value, 1);

function difference(metric) {
  const d = metric.difference;
  if (!d) return metric.pairs.length ? "one pair: no interval" : "–";
  return [`${points(d.mean)} points`, h("span", { class: "range" }, `${points(d.low)} to ${points(d.high)}`)];
}

function arms(comparison) {
  return table(`Means over seeds, and paired differences to ${comparison.baseline} with 95 % t intervals.`, [
    { title: "Arm", cell: (arm) => words(arm.name) },
    { title: "Learning rate", number: true, cell: (arm) => (arm.rate === null ? "not chosen yet" : String(arm.rate)) },
    { title: "Seeds", number: true, cell: (arm) => `${arm.seeds.length} of ${comparison.seeds}` },
    ...METRICS.flatMap(({ key, of }) => [
      { title: of, number: true, cell: (arm) => share(arm.metrics[key].mean) },
      { title: `vs ${comparison.baseline}`, number: true, cell: (arm) => (arm.name === comparison.baseline ? "" : difference(arm.metrics[key])) },
    ]),
  ], comparison.arms);
}

// Each seed's difference to the baseline as a dot, their mean and its interval over them.
function paired(comparison, { key, name }) {
  const shown = comparison.arms.filter((arm) => arm.metrics[key].pairs.length);
  if (!shown.length) return null;
  const pairs = shown.flatMap((arm) => arm.metrics[key].pairs.map(([seed, value]) => ({ arm: arm.name, seed, value })));
  const means = shown.filter((arm) => arm.metrics[key].difference).map((arm) => ({ arm: arm.name, ...arm.metrics[key].difference }));
  return chart({
    title: `${name}: difference to ${comparison.baseline}`,
    label: `${name} of each arm minus ${comparison.baseline}, seed by seed; the numbers stand below.`,
    caption: "A ring is one seed, the filled dot their mean, the line its 95 % interval.",
    draw: () => ({
      height: 46 + 26 * shown.length,
      marginLeft: 100,
      x: { label: "points", tickFormat: (value) => points(value), nice: true },
      y: { type: "point", domain: shown.map((arm) => arm.name), label: null },
      marks: [
        Plot.gridX({ stroke: "var(--grid)", strokeOpacity: 1, ticks: 5 }),
        Plot.ruleX([0], { stroke: "var(--axis)" }),
        Plot.dot(pairs, { x: "value", y: "arm", r: 3, stroke: "var(--run-0)", strokeOpacity: 0.7 }),
        Plot.link(means, { x1: "low", x2: "high", y1: "arm", y2: "arm", stroke: "var(--run-1)", strokeWidth: 3 }),
        Plot.dot(means, { x: "mean", y: "arm", r: 4.5, fill: "var(--run-1)" }),
      ],
    }),
    numbers: table(`${name}: difference to ${comparison.baseline} of each seed`, [
      { title: "Arm", cell: (row) => words(row.arm) },
      { title: "Seed", number: true, cell: (row) => String(row.seed) },
      { title: "Points", number: true, cell: (row) => points(row.value) },
    ], pairs),
  });
}

function meanCurve(seeds) {
  const byStep = new Map();
  seeds.forEach(({ points: one }) => one.forEach(([step, value]) => byStep.set(step, [...(byStep.get(step) || []), value])));
  return [...byStep].map(([step, values]) => ({ step, value: values.reduce((a, b) => a + b, 0) / values.length }));
}

const DASHES = [null, "6 3", "2 3", "8 3 2 3"];

// Thick: the mean of the arm's seeds; thin: each seed.
function curve(comparison, { key, of }) {
  const shown = comparison.arms.map((arm, k) => ({ arm, k, seeds: arm.curves[key], mean: meanCurve(arm.curves[key]) })).filter((one) => one.seeds.length);
  if (!shown.length) return null;
  return chart({
    title: `${of}, in training`,
    label: `${of} by update, mean over seeds of each arm; the numbers stand below.`,
    caption: "Of the rollouts that an update was trained with. Thick: mean over seeds; thin: each seed.",
    legend: legend(shown.map(({ arm, k }) => ({ colour: colourOf(k), name: words(arm.name), kind: `line-${k % 4}` }))),
    draw: () => ({
      height: 240,
      x: { label: "update", ticks: 5, tickFormat: "d" },
      y: { label: "%", tickFormat: PERCENT, ticks: 5, nice: true },
      marks: [
        Plot.gridY({ stroke: "var(--grid)", strokeOpacity: 1, ticks: 5 }),
        shown.map(({ seeds, k }) => seeds.map(({ points: one }) => Plot.line(one, { x: (p) => p[0], y: (p) => p[1], stroke: colourOf(k), strokeWidth: 1, strokeOpacity: 0.25 }))),
        shown.map(({ mean, k }) => Plot.line(mean, { x: "step", y: "value", stroke: colourOf(k), strokeWidth: 2.5, strokeDasharray: DASHES[k % 4] })),
      ],
    }),
    numbers: table(`${of} by update`, [
      { title: "Arm", cell: (row) => words(row.arm) },
      { title: "Update", number: true, cell: (row) => String(row.step) },
      { title: "Mean over seeds", number: true, cell: (row) => share(row.value) },
    ], shown.flatMap(({ arm, mean }) => mean.map((point) => ({ arm: arm.name, ...point })))),
  });
}

function section(comparison, k) {
  const id = `comparison-${k}`;
  const charts = [...METRICS.map((metric) => curve(comparison, metric)), ...METRICS.map((metric) => paired(comparison, metric))].filter(Boolean);
  const tested = comparison.tests.map((one) => `${one.arm}: p = ${one.p.toFixed(4)}, adjusted ${one.holm.toFixed(4)}`).join("; ");
  return h("section", { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, words(comparison.name)),
    arms(comparison),
    tested && h("p", { class: "quiet-text" }, `Early failures against ${comparison.baseline}, sign-flip test, Holm over ${comparison.tests.length}: ${tested}.`),
    charts.length ? h("div", { class: "charts" }, charts) : empty("No run of this comparison is there yet."));
}

byId("title").textContent = found.title;
document.title = found.title;
startTheme();
replace(byId("comparisons"), found.comparisons.map((one, k) => h("a", { href: `#comparison-${k}` }, words(one.name))));
replace(byId("overview-view"),
  h("div", { class: "intro" }, h("h1", {}, words(found.title)),
    h("p", { class: "quiet-text" }, `Made ${found.made} by mrpo ${found.version}; ${plural(found.comparisons.length, "comparison")}. Small synthetic worlds with exact labels: nothing here is medical, and nothing says how large an effect is on a real model.`)),
  found.comparisons.map(section));
document.documentElement.dataset.ready = "true";
