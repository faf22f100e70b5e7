// The first table: right, wrong and not known of each set of rollouts.
import { h, svg, table, words } from "./dom.js";
import { drawn, sets } from "./data.js";
import { interval, plural, share, whole } from "./numbers.js";
import { setColour, setName } from "./words.js";
import { legend } from "./charts.js";

// One shape a set, beside its colour.
export const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "cross", "wye", "circle"];

export function setLegend(shown = sets.map((_, i) => i)) {
  return legend(shown.map((i) => ({ colour: setColour(i), name: words(setName(sets[i])), kind: `dot-${i % 8}` })));
}

// The interval on a line from 0 to 1, with the bounds if all not-known answers were wrong or all right.
function whisker(answers, place) {
  const { value, low, high } = answers.accuracy;
  const x = (part) => 6 + 108 * part;
  return svg("svg", { class: "whisker", viewBox: "0 0 120 16", preserveAspectRatio: "xMinYMid meet", "aria-hidden": "true" },
    svg("line", { class: "axis", x1: 6, x2: 114, y1: 8, y2: 8 }),
    answers.not_known > 0 && svg("rect", {
      class: "bounds", x: x(answers.bounds[0]), width: Math.max(1, x(answers.bounds[1]) - x(answers.bounds[0])), y: 4, height: 8,
    }),
    low !== null && svg("line", { x1: x(low), x2: x(high), y1: 8, y2: 8, style: { stroke: setColour(place), "stroke-width": 3 } }),
    value !== null && svg("circle", { cx: x(value), cy: 8, r: 4.5, style: { fill: setColour(place) } }));
}

function accuracyCell(set, place) {
  const answers = set.answers;
  return h("div", { class: "headline" },
    h("span", { class: "big" }, share(answers.accuracy.value)),
    h("span", { class: "range" }, interval(answers.accuracy)),
    whisker(answers, place),
    answers.not_known > 0 && h("span", { class: "range" },
      `${whole(answers.not_known)} not known, counted as wrong; if all were right: ${share(answers.bounds[1])}`));
}

function sizes(answers) {
  const least = answers.detectable && answers.detectable.clustered;
  return [h("div", {}, plural(answers.questions, "question")), h("div", { class: "quiet-text" }, plural(answers.images, "image")),
    least !== null && least !== undefined && least < 1 && h("div", { class: "quiet-text" }, `detects ${(100 * least).toFixed(1)} points`)];
}

const first = (set) => set.reasoning.stages[0];
export const withRange = (figure) => [share(figure.value), h("span", { class: "range" }, interval(figure))];

// Which sets the figures below draw; `redraw` is called after a change.
export function chooser(redraw) {
  if (sets.length < 2) return null;
  return h("fieldset", { class: "chooser" }, h("legend", {}, "Figures of"), sets.map((set, i) => h("label", {},
    h("input", {
      type: "checkbox", checked: drawn.has(i),
      onchange: (event) => {
        if (event.target.checked) drawn.add(i);
        else drawn.delete(i);
        redraw();
      },
    }), h("span", { class: `swatch dot-${i % 8}`, style: { "--colour": setColour(i) }, "aria-hidden": "true" }), words(setName(set)))));
}

export function headline() {
  const rows = sets.map((set, i) => ({ set, i }));
  const { level, compat, cluster } = sets[0].scores.options;
  const rule = compat === "reference" ? "What is not known is left out of accuracy (the study's rule)." : "Accuracy counts what is not known as wrong.";
  return h("section", { id: "headline", "aria-labelledby": "headline-title" },
    h("h2", { id: "headline-title" }, "Result"),
    table(`${rule} Intervals: ${Math.round(100 * level)} %, clustered by ${cluster}. “Detects”: the difference between two runs that a paired test on these questions finds with 80 % power.`, [
      { title: "Rollouts of", cell: ({ set, i }) => [h("span", { class: `swatch dot-${i % 8}`, style: { "--colour": setColour(i) } }),
        h("span", { class: "run-name" }, words(set.runName)), set.title && h("span", { class: "set-name" }, set.title)] },
      { title: "Accuracy", cell: ({ set, i }) => accuracyCell(set, i) },
      { title: "Over", number: true, cell: ({ set }) => sizes(set.answers) },
      { title: "Right", number: true, cell: ({ set }) => whole(set.answers.right) },
      { title: "Wrong", number: true, cell: ({ set }) => whole(set.answers.wrong) },
      { title: "Not known", number: true, cell: ({ set }) => h("span", { class: set.answers.not_known ? "warn" : null }, whole(set.answers.not_known)) },
      { title: "Valid steps", number: true, cell: ({ set }) => withRange(set.reasoning.valid_steps) },
      { title: "Early, of first failures", number: true, cell: ({ set }) => withRange(first(set).share.early) },
      { title: "Early, of all rollouts", number: true, cell: ({ set }) => withRange(first(set).rate.early) },
      { title: "Judge failed", number: true, cell: ({ set }) => h("span", { class: set.scores.judge.failed ? "warn" : null }, whole(set.scores.judge.failed)) },
    ], rows, "headline-table"));
}
