// Answers to closed questions: is the favourite answer given more often than it is right?
import { table, words } from "./dom.js";
import { sets } from "./data.js";
import { brief, share, whole } from "./numbers.js";
import { setName } from "./words.js";
import { points } from "./comparison.js";
import { dots } from "./dots.js";

export function priorChart(shown) {
  const rows = shown.flatMap(({ set, i }) => set.scores.prior.most_given.map((row) => ({ name: row.answer, set: i, value: row.given, other: row.gold })));
  const most = Math.max(...rows.map((row) => Math.max(row.value, row.other)));
  return dots({
    title: "Answers to closed questions",
    label: "How often each of the most frequent answers is given and how often it is right; the numbers stand below.",
    caption: "Filled: how often the answer is given. Ring: how often it is the right one. The most frequent answers.",
    axis: "closed questions (%)",
    gap: 17,
    domain: [0, Math.min(1, Math.ceil(20 * most) / 20)],
    names: [...new Set(rows.map((row) => row.name))],
    rows,
    numbers: table("Answers to closed questions", [
      { title: "Answer", cell: (row) => words(brief(row.name, 200)) },
      { title: "Rollouts of", cell: (row) => words(setName(sets[row.set])) },
      { title: "Given", number: true, cell: (row) => share(row.value) },
      { title: "Right", number: true, cell: (row) => share(row.other) },
    ], rows),
  });
}

export function priorTable(shown) {
  return table("Closed questions. Bias: answers yes minus gold answers yes. Distance between the frequencies of given and gold answers: 0 % if they are the same, 100 % if they share none.", [
    { title: "Rollouts of", cell: ({ set }) => words(setName(set)) },
    { title: "Closed answers", number: true, cell: ({ set }) => whole(set.scores.prior.answers) },
    { title: "Yes, given", number: true, cell: ({ set }) => share(set.scores.prior.yes_given) },
    { title: "Yes, gold", number: true, cell: ({ set }) => share(set.scores.prior.yes_gold) },
    { title: "Yes, bias", number: true, cell: ({ set }) => points(set.scores.prior.yes_bias) },
    { title: "Distance", number: true, cell: ({ set }) => share(set.scores.prior.distance) },
    { title: "Best constant answer", cell: ({ set }) => (set.scores.prior.best_constant.answer === null ? "–" : words(brief(set.scores.prior.best_constant.answer))) },
    { title: "Right with it", number: true, cell: ({ set }) => share(set.scores.prior.best_constant.accuracy) },
  ], shown);
}
