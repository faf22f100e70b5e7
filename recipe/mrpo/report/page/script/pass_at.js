// pass@k: the chance that one of k answers to a question is right, where questions have several.
import { h, table, words } from "./dom.js";
import { drawnSets, sets } from "./data.js";
import { brief, decimal, whole } from "./numbers.js";
import { setColour, setName } from "./words.js";
import { PERCENT, Plot, chart } from "./charts.js";
import { SYMBOLS, setLegend, withRange } from "./headline.js";

const FIRST = "accuracy";
const kOf = (name) => Number(name.slice("pass@".length));

function passTable(caption, rows, ks, first) {
  return table(caption, [
    ...first,
    { title: "Answers a question", number: true, cell: ({ answers }) => decimal(answers.samples_per_question, 1) },
    { title: "Accuracy", number: true, cell: ({ answers }) => withRange(answers.accuracy) },
    ...ks.map((k) => ({ title: `pass@${k}`, number: true, cell: ({ answers }) => {
      const found = (answers.pass_at || {})[`pass@${k}`];
      return found && found.value !== null ? [withRange(found), h("span", { class: "range" }, `${whole(found.n)} questions`)] : "–";
    } })),
  ], rows);
}

function passCurve(shown, ks) {
  const points = shown.flatMap(({ set, i }) => [
    { k: FIRST, set: i, ...set.answers.accuracy },
    ...Object.entries(set.answers.pass_at).map(([name, figure]) => ({ k: String(kOf(name)), set: i, ...figure })),
  ]).filter((point) => point.value !== null);
  return chart({
    title: "Right at least once in k answers",
    label: "Accuracy and pass@k by k with intervals; the numbers stand in the table beside it.",
    caption: "Unbiased: 1 − C(n − c, k) / C(n, k) for c right of n answers, mean over the questions with k answers or more. Line: interval, clustered as above.",
    legend: sets.length > 1 && setLegend(shown.map(({ i }) => i)),
    draw: () => ({
      height: 240,
      marginBottom: 36,
      x: { type: "point", domain: [FIRST, ...ks.map(String)], label: "k" },
      y: { domain: [0, 1], label: "pass@k (%)", tickFormat: PERCENT, ticks: 5 },
      marks: [
        Plot.gridY({ stroke: "var(--grid)", strokeOpacity: 1, ticks: 5 }),
        shown.map(({ i }) => {
          const mine = points.filter((point) => point.set === i);
          return [
            Plot.ruleX(mine.filter((point) => point.low !== null), { x: "k", y1: "low", y2: "high", stroke: setColour(i), strokeOpacity: 0.45, strokeWidth: 2 }),
            Plot.line(mine, { x: "k", y: "value", stroke: setColour(i), strokeWidth: 2 }),
            Plot.dot(mine, { x: "k", y: "value", fill: setColour(i), r: 4.5, symbol: SYMBOLS[i % 8] }),
          ];
        }),
      ],
    }),
  });
}

export function passAt() {
  const shown = drawnSets((set) => set.answers.pass_at);
  if (!shown.length) return null;
  const ks = [...new Set(shown.flatMap(({ set }) => Object.keys(set.answers.pass_at).map(kOf)))].sort((a, b) => a - b);
  const bySet = shown.flatMap(({ set }) => Object.entries(set.scores.answers.by.data_source || {}).map(([name, answers]) => ({ set, name, answers })));
  const of = { title: "Rollouts of", cell: ({ set }) => words(setName(set)) };
  const figures = [
    passTable("pass@k: is one of k answers right? Over the questions with k answers or more.", shown.map(({ set }) => ({ set, answers: set.answers })), ks, [of]),
    bySet.length > shown.length && h("details", { class: "numbers" }, h("summary", {}, "By data set"),
      passTable("pass@k by data set", bySet, ks, [of, { title: "Data set", cell: ({ name }) => words(brief(name, 200)) }])),
  ];
  return h("section", { id: "pass-at", "aria-labelledby": "pass-at-title" },
    h("h2", { id: "pass-at-title" }, "Several answers to a question"),
    ks.length > 1 ? h("div", { class: "charts" }, passCurve(shown, ks), h("div", { class: "chart" }, h("h3", {}, "pass@k"), figures)) : figures);
}
