// Each run against the first one on their common questions, as `mrpo compare` tests them.
import { h, table, words } from "./dom.js";
import { overview } from "./data.js";
import { brief, share, signed, whole } from "./numbers.js";

export function points(figure) {
  if (figure.value === null) return "–";
  const range = figure.low === null ? "no interval" : `${signed(100 * figure.low, 1)} to ${signed(100 * figure.high, 1)}`;
  return [`${signed(100 * figure.value, 1)} points`, h("span", { class: "range" }, range)];
}

function p(value) {
  if (value === null || value === undefined) return "–";
  return value < 0.001 ? "< 0.001" : value.toFixed(3);
}

export function comparison() {
  const found = overview.comparison;
  if (!found) return null;
  const head = h("h2", { id: "comparison-title" }, "Comparison");
  if (found.refused) return h("section", { "aria-labelledby": "comparison-title" }, head, h("p", { class: "notice" }, "Not compared: ", words(found.refused)));
  const rows = found.pairs.flatMap((pair) => [
    { pair, name: "all", row: pair.all, holm: false },
    ...(Object.keys(pair.sets).length > 1 ? Object.entries(pair.sets).map(([name, row]) => ({ pair, name, row, holm: true })) : []),
  ]);
  return h("section", { id: "comparison", "aria-labelledby": "comparison-title" }, head,
    found.notes.map((note) => h("p", { class: "notice" }, words(note))),
    table("Second minus first, question by question. p: sign flips by cluster; of single sets corrected by Holm. McNemar takes questions for independent.", [
      { title: "Second – first", cell: ({ pair, name }) => [words(brief(pair.second)), " – ", words(brief(pair.first)), name !== "all" && h("div", { class: "quiet-text" }, words(brief(name)))] },
      { title: "Accuracy", number: true, cell: ({ row }) => `${share(row.accuracy[0])} → ${share(row.accuracy[1])}` },
      { title: "Difference", number: true, cell: ({ row }) => points(row.difference) },
      { title: "p", number: true, cell: ({ row, holm }) => p(holm ? row.p_clustered_holm : row.p_clustered) },
      { title: "McNemar", number: true, cell: ({ row, holm }) => p(holm ? row.p_mcnemar_holm : row.p_mcnemar) },
      { title: "Gained", number: true, cell: ({ row }) => whole(row.gained) },
      { title: "Lost", number: true, cell: ({ row }) => whole(row.lost) },
      { title: "Early failures", number: true, cell: ({ row }) => points(row.early.difference) },
      { title: "Valid steps", number: true, cell: ({ row }) => points(row.valid_steps.difference) },
      { title: "Questions", number: true, cell: ({ row }) => whole(row.questions) },
      { title: "Images", number: true, cell: ({ row }) => whole(row.images) },
    ], rows),
    found.pairs.filter((pair) => pair.only_in_first || pair.only_in_second).map((pair) => h("p", { class: "quiet-text" },
      `Left out: ${whole(pair.only_in_first)} questions of `, words(brief(pair.first)), ` alone, ${whole(pair.only_in_second)} of `, words(brief(pair.second)), " alone.")));
}
