// Does the model look at the image? Accuracy with it, without it and with another one, and answers to closed questions.
import { h, table, words } from "./dom.js";
import { drawnSets, sets } from "./data.js";
import { interval, share, whole } from "./numbers.js";
import { setName } from "./words.js";
import { withRange } from "./headline.js";
import { points } from "./comparison.js";
import { dots } from "./dots.js";
import { priorChart, priorTable } from "./prior.js";

const SHOWN_IMAGE = { image: "own image", no_image: "no image", other_image: "another image" };
const WITHOUT = { no_image: "without the image", other_image: "with another image" };

function conditions(shown) {
  const rows = shown.flatMap(({ set, i }) => Object.entries(set.scores.looking.conditions).map(([name, answers]) => ({ name, answers, set: i, ...answers.accuracy })));
  return dots({
    title: "Accuracy by what is shown",
    label: "Accuracy with the question's own image, without one and with another one; the numbers stand below.",
    caption: "The same questions with their own image, with none, and with that of another question. Line: interval, clustered as above.",
    axis: "accuracy (%)",
    names: Object.keys(SHOWN_IMAGE).filter((name) => rows.some((row) => row.name === name)),
    textOf: (name) => SHOWN_IMAGE[name],
    rows,
    numbers: table("Accuracy by what is shown", [
      { title: "Shown", cell: (row) => SHOWN_IMAGE[row.name] },
      { title: "Rollouts of", cell: (row) => words(setName(sets[row.set])) },
      { title: "Accuracy", number: true, cell: (row) => share(row.value) },
      { title: "Interval", number: true, cell: (row) => interval(row) },
      { title: "Questions", number: true, cell: (row) => whole(row.answers.questions) },
      { title: "Images", number: true, cell: (row) => whole(row.answers.images) },
    ], rows),
  });
}

// What the own image adds, question by question.
function gains(shown) {
  const rows = shown.flatMap(({ set }) => Object.keys(WITHOUT).map((name) => ({ set, name, found: set.scores.looking[`image_against_${name}`] })))
    .filter(({ found }) => found && found.questions);
  return rows.length > 0 && table("The image adds: right answers with the question's own image minus those without it, question by question. Same answer: in both.", [
    { title: "Rollouts of", cell: ({ set }) => words(setName(set)) },
    { title: "Against", cell: ({ name }) => WITHOUT[name] },
    { title: "The image adds", number: true, cell: ({ found }) => points(found.gain) },
    { title: "Right without it", number: true, cell: ({ found }) => withRange(found.right_without) },
    { title: "Same answer", number: true, cell: ({ found }) => withRange(found.same_answer) },
    { title: "Questions", number: true, cell: ({ found }) => whole(found.questions) },
  ], rows);
}

export function looking() {
  const shown = drawnSets((set) => set.scores.looking);
  const closed = drawnSets((set) => set.scores.prior);
  if (!shown.length && !closed.length) return null;
  return h("section", { id: "looking", "aria-labelledby": "looking-title" },
    h("h2", { id: "looking-title" }, "Looking or guessing"),
    h("div", { class: "charts" }, shown.length > 0 && conditions(shown), closed.length > 0 && priorChart(closed)),
    shown.length > 0 && gains(shown),
    closed.length > 0 && priorTable(closed));
}
