// The output of a rollout, its tokens shaded by the advantage that the actor was given.
import { breakable, h, words } from "./dom.js";
import { columns, stepsOf } from "./data.js";
import { brief, signed } from "./numbers.js";
import { labelOf } from "./words.js";

// Pieces of the output in order: {text, step (null outside), advantage (null: not known)}.
export function pieces(i, texts) {
  const outside = columns.advantage[i];
  const given = texts.step_advantages;
  const made = [];
  let end = 0;
  stepsOf(texts).forEach((step, k) => {
    if (step.start === null) return;
    if (step.start > end) made.push({ text: texts.output.slice(end, step.start), step: null, advantage: outside });
    made.push({ text: step.text, step: k, advantage: given ? given[k] : outside });
    end = step.end;
  });
  if (end < texts.output.length) made.push({ text: texts.output.slice(end), step: null, advantage: outside });
  return made;
}

function strength(advantage, largest) {
  return largest > 0 && advantage !== null ? Math.min(1, Math.abs(advantage) / largest) : 0;
}

export function pushed(advantage) {
  return advantage === null || advantage === undefined ? "unknown" : advantage > 0 ? "up" : advantage < 0 ? "down" : "zero";
}

export function shadedOutput(i, texts) {
  const all = pieces(i, texts);
  const known = all.map((piece) => piece.advantage).filter((value) => value !== null && value !== undefined);
  const largest = Math.max(0, ...known.map(Math.abs));
  const labels = columns.labels[i];
  const output = h("p", { class: "output" }, all.map((piece) => h("span", {
    class: `piece ${pushed(piece.advantage)}`,
    style: { "--strength": strength(piece.advantage, largest).toFixed(3) },
    title: `${piece.step === null ? "outside every step" : `step ${piece.step + 1}, ${labelOf(labels, piece.step).name}`}: ${signed(piece.advantage, 3)}`,
  }, breakable(piece.text))));
  output.dir = "auto";
  return h("div", { class: "shaded" },
    known.length
      ? h("ul", { class: "legend" },
        h("li", {}, h("span", { class: "swatch piece up", style: { "--strength": "1" }, "aria-hidden": "true" }), `pushed up, to ${signed(largest)}`),
        h("li", {}, h("span", { class: "swatch piece down", style: { "--strength": "1" }, "aria-hidden": "true" }), `pushed down, to ${signed(-largest)} (dotted line)`))
      : h("p", { class: "quiet-text" }, "No advantages: they are in the dumps of training alone."),
    output);
}

export function reward(name, value, weight) {
  return h("tr", {}, h("th", { scope: "row" }, words(brief(name))), h("td", { class: "number" }, value === null ? "not known" : signed(value)),
    h("td", { class: "number" }, `× ${weight}`));
}
