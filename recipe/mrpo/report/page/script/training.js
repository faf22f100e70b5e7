// Training curves, and labels and advantages by the place of a step.
import { h, table, words } from "./dom.js";
import { drawnSets, runs, sets } from "./data.js";
import { share, signed, whole } from "./numbers.js";
import { setColour, setName } from "./words.js";
import { PERCENT, Plot, chart, empty, legend } from "./charts.js";
import { SYMBOLS, setLegend } from "./headline.js";

// A run has the colour of its first set of rollouts.
function runColour(run) {
  return setColour(sets.findIndex((set) => set.run === run));
}

function curve(name) {
  const series = runs.map((run, i) => ({ run: i, curve: run.curves.find((one) => one.name === name) })).filter((s) => s.curve);
  const points = series.flatMap(({ run, curve: one }) => one.points.map(([step, value]) => ({ run, step, value }))).filter((p) => p.value !== null);
  const thinned = series.filter(({ curve: one }) => one.of > one.points.length);
  const steps = [...new Set(points.map((point) => point.step))];
  const values = points.map((point) => point.value);
  const flat = values.length > 0 && Math.min(...values) === Math.max(...values);
  return chart({
    title: name,
    label: `${name} by training step; the numbers stand below the curves.`,
    caption: thinned.length ? `${thinned[0].curve.points.length} of ${thinned[0].curve.of} steps are drawn.` : null,
    draw: () => ({
      height: 150,
      marginLeft: 46,
      marginTop: 10,
      x: { label: "step", ticks: steps.length < 6 ? steps : 5, tickFormat: "d" },
      y: { label: null, ticks: 4, nice: true, ...(flat ? { domain: values[0] === 0 ? [0, 1] : [values[0] - Math.abs(values[0]) / 2, values[0] + Math.abs(values[0]) / 2] } : {}) },
      marks: [
        Plot.gridY({ stroke: "var(--grid)", strokeOpacity: 1, ticks: 4 }),
        series.map(({ run }, k) => {
          const mine = points.filter((point) => point.run === run);
          return [
            Plot.line(mine, { x: "step", y: "value", stroke: runColour(run), strokeWidth: 2, strokeDasharray: k ? [null, "6 3", "2 3", "8 3 2 3"][k % 4] : null }),
            mine.length < 40 && Plot.dot(mine, { x: "step", y: "value", fill: runColour(run), r: 2.5 }),
          ];
        }),
      ],
    }),
  });
}

const TABLE_ROWS = 50;

// The numbers of all curves of a run, a row a step; of a long run some steps.
function curveTable(run) {
  const curves = run.curves;
  const byStep = new Map();
  curves.forEach((one, k) => one.points.forEach(([step, value]) => {
    if (!byStep.has(step)) byStep.set(step, { step, values: [] });
    byStep.get(step).values[k] = value;
  }));
  const rows = [...byStep.values()].sort((a, b) => a.step - b.step);
  const each = Math.ceil(rows.length / TABLE_ROWS);
  return table(`Training curves of ${run.name}${each > 1 ? `, one of ${each} steps` : ""}`, [
    { title: "Step", cell: (row) => row.step },
    ...curves.map((one, k) => ({ title: one.name, number: true, cell: (row) => row.values[k] === undefined || row.values[k] === null ? "–" : String(Number(row.values[k].toPrecision(4))) })),
  ], rows.filter((_, i) => i % each === 0));
}

export function training() {
  const names = [...new Set(runs.flatMap((run) => run.curves.map((one) => one.name)))];
  if (!names.length) return null;
  const shown = runs.map((run, i) => i).filter((i) => runs[i].curves.length);
  return h("section", { id: "training", "aria-labelledby": "training-title" },
    h("h2", { id: "training-title" }, "Training"),
    runs.length > 1 && legend(shown.map((i, k) => ({ colour: runColour(i), name: words(runs[i].name), kind: `line-${k % 4}` }))),
    h("div", { class: "small-charts" }, names.map(curve)),
    h("details", { class: "numbers" }, h("summary", {}, "Numbers of the curves"), shown.map((i) => curveTable(runs[i]))));
}

const placeName = (row) => row.or_later ? `${row.place}+` : String(row.place);

function validByPlace() {
  const shown = drawnSets((set) => set.positions.length);
  const points = shown.flatMap(({ set, i }) => set.positions.map((row) => ({ ...row, set: i, share: row.valid / row.labelled })));
  return chart({
    title: "Valid steps by place",
    label: "Share of valid labels by the place of the step in its rollout; the numbers stand below.",
    caption: "Share of labelled steps that the judge called valid.",
    legend: sets.length > 1 && setLegend(shown.map(({ i }) => i)),
    draw: () => ({
      height: 240,
      x: { type: "point", domain: places(points), label: "step" },
      y: { domain: [0, 1], label: "valid (%)", tickFormat: PERCENT, ticks: 5 },
      marks: [
        Plot.gridY({ stroke: "var(--grid)", strokeOpacity: 1, ticks: 5 }),
        shown.map(({ i }) => {
          const mine = points.filter((point) => point.set === i);
          return [
            Plot.line(mine, { x: placeName, y: "share", stroke: setColour(i), strokeWidth: 2 }),
            Plot.dot(mine, { x: placeName, y: "share", fill: setColour(i), r: 4, symbol: SYMBOLS[i % 8] }),
          ];
        }),
      ],
    }),
    numbers: table("Valid steps by place", [
      { title: "Step", cell: placeName },
      { title: "Rollouts of", cell: (row) => words(setName(sets[row.set])) },
      { title: "Valid", number: true, cell: (row) => share(row.share) },
      { title: "Labelled", number: true, cell: (row) => whole(row.labelled) },
    ], points),
  });
}

function places(points) {
  return [...new Set([...points].sort((a, b) => a.place - b.place).map(placeName))];
}

function advantageByPlace() {
  const shown = drawnSets((set) => set.positions.some((row) => row.advantage_valid !== null || row.advantage_invalid !== null));
  const points = shown.flatMap(({ set, i }) => set.positions.flatMap((row) => [
    { ...row, set: i, label: "valid", value: row.advantage_valid },
    { ...row, set: i, label: "invalid", value: row.advantage_invalid },
  ])).filter((point) => point.value !== null);
  if (!points.length) return null;
  return chart({
    title: "Advantage of steps in wrong rollouts",
    label: "Mean advantage of valid and invalid steps of rollouts with a wrong answer by the place of the step; the numbers stand below.",
    caption: "Mean over the steps of rollouts with a wrong answer. Step credit pushes valid steps up and invalid ones down, early ones the hardest.",
    legend: [legend([{ name: "valid steps", colour: "var(--valid)", kind: "solid" }, { name: "invalid steps", colour: "var(--invalid)", kind: "dashed" }]),
      shown.length > 1 && h("p", { class: "quiet-text" }, "Shapes as in the chart beside.")],
    draw: () => ({
      height: 240,
      x: { type: "point", domain: places(points), label: "step" },
      y: { label: "mean advantage", ticks: 5, nice: true },
      marks: [
        Plot.gridY({ stroke: "var(--grid)", strokeOpacity: 1, ticks: 5 }),
        Plot.ruleY([0], { stroke: "var(--axis)" }),
        shown.flatMap(({ i }) => ["valid", "invalid"].map((label) => {
          const mine = points.filter((point) => point.set === i && point.label === label);
          return [
            Plot.line(mine, { x: placeName, y: "value", stroke: `var(--${label})`, strokeWidth: 2, strokeDasharray: label === "valid" ? null : "5 3" }),
            Plot.dot(mine, { x: placeName, y: "value", fill: `var(--${label})`, r: 4, symbol: SYMBOLS[i % 8] }),
          ];
        })),
      ],
    }),
    numbers: table("Advantage of steps in wrong rollouts", [
      { title: "Step", cell: placeName },
      { title: "Rollouts of", cell: (row) => words(setName(sets[row.set])) },
      { title: "Label", cell: (row) => row.label },
      { title: "Mean advantage", number: true, cell: (row) => signed(row.value, 3) },
    ], points),
  });
}

export function byPlace() {
  const labelled = sets.some((set) => set.positions.length);
  return h("section", { id: "places", "aria-labelledby": "places-title" },
    h("h2", { id: "places-title" }, "Labels and advantage by step"),
    labelled ? h("div", { class: "charts" }, validByPlace(), advantageByPlace()) : empty("No rollout has step labels."));
}
