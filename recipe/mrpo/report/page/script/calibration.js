// Does the probability of an answer say how often it is right?
import { h, table, words } from "./dom.js";
import { drawnSets, sets } from "./data.js";
import { decimal, share, whole } from "./numbers.js";
import { setColour, setName } from "./words.js";
import { PERCENT, Plot, chart } from "./charts.js";
import { SYMBOLS, setLegend } from "./headline.js";

const CONFIDENCES = {
  joint: { title: "Probability of the whole answer", what: "product over the answer's tokens" },
  mean: { title: "Probability of a token of the answer", what: "geometric mean over the answer's tokens" },
};

function reliability(shown, name) {
  const { title, what } = CONFIDENCES[name];
  const bins = shown.flatMap(({ set, i }) => set.scores.calibration[name].bins.map((bin) => ({ ...bin, set: i, of: set.scores.calibration.answers })));
  const filled = bins.filter((bin) => bin.answers);
  return chart({
    title,
    label: `Accuracy by probability (${what}) in bins; the numbers stand below.`,
    caption: `The ${what}, in bins. A dot is a bin, larger with more of the answers. On the dashed line answers are right as often as their probability says; below it the model is too sure.`,
    legend: sets.length > 1 && setLegend(shown.map(({ i }) => i)),
    draw: (width) => ({
      height: Math.min(380, width * 0.75),
      x: { domain: [0, 1], label: "probability (%)", tickFormat: PERCENT, ticks: 5 },
      y: { domain: [0, 1], label: "accuracy (%)", tickFormat: PERCENT, ticks: 5 },
      r: { type: "identity" },
      marks: [
        Plot.gridY({ stroke: "var(--grid)", strokeOpacity: 1, ticks: 5 }),
        Plot.gridX({ stroke: "var(--grid)", strokeOpacity: 1, ticks: 5 }),
        Plot.line([[0, 0], [1, 1]], { stroke: "var(--axis)", strokeDasharray: "5 4" }),
        shown.map(({ i }) => {
          const mine = filled.filter((bin) => bin.set === i);
          return [
            Plot.line(mine, { x: "confidence", y: "accuracy", stroke: setColour(i), strokeWidth: 1.5 }),
            Plot.dot(mine, { x: "confidence", y: "accuracy", fill: setColour(i), fillOpacity: 0.85, r: (bin) => 3 + 9 * Math.sqrt(bin.answers / bin.of), symbol: SYMBOLS[i % 8] }),
          ];
        }),
      ],
    }),
    numbers: table(`${title}, in bins`, [
      { title: "Bin", cell: (bin) => `${PERCENT(bin.from)} – ${PERCENT(bin.to)} %` },
      { title: "Rollouts of", cell: (bin) => words(setName(sets[bin.set])) },
      { title: "Answers", number: true, cell: (bin) => whole(bin.answers) },
      { title: "Probability", number: true, cell: (bin) => share(bin.confidence) },
      { title: "Accuracy", number: true, cell: (bin) => share(bin.accuracy) },
    ], bins),
  });
}

export function calibration() {
  const shown = drawnSets((set) => set.scores.calibration);
  if (!shown.length) return null;
  const of = (name, part, text) => ({ number: true, cell: ({ set }) => text(set.scores.calibration[name][part]), title: `${part === "ece" ? "ECE" : "Brier score"}, ${name === "joint" ? "whole answer" : "token"}` });
  const count = (part) => ({ set }) => whole(set.scores.calibration[part]);
  return h("section", { id: "calibration", "aria-labelledby": "calibration-title" },
    h("h2", { id: "calibration-title" }, "Calibration"),
    h("div", { class: "charts" }, Object.keys(CONFIDENCES).map((name) => reliability(shown, name))),
    table("ECE: distance between probability and accuracy, mean over the answers of all bins. Brier score: mean squared distance of probability and outcome.", [
      { title: "Rollouts of", cell: ({ set }) => words(setName(set)) },
      ...["joint", "mean"].flatMap((name) => [of(name, "ece", share), of(name, "brier", (value) => decimal(value, 3))]),
      { title: "Answers", number: true, cell: count("answers") },
      { title: "Without probability", number: true, cell: count("without_probability") },
      { title: "Not known", number: true, cell: count("not_known") },
    ], shown));
}
