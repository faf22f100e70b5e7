// Accuracy with intervals by data set, or by another property of the questions.
import { h, replace, table, words } from "./dom.js";
import { drawnSets, sets } from "./data.js";
import { brief, interval, share, whole } from "./numbers.js";
import { setName } from "./words.js";
import { dots } from "./dots.js";

const PROPERTIES = { data_source: "data set", answer_type: "open or closed", modality: "modality", organ: "organ", question_type: "question type" };

function accuracyBy(property) {
  const rows = drawnSets().flatMap(({ set, i }) => Object.entries(set.scores.answers.by[property] || {}).map(([name, answers]) => ({ name, answers, ...answers.accuracy, set: i })));
  const names = [...new Set(rows.map((row) => row.name))];
  return dots({
    title: `Accuracy by ${PROPERTIES[property]}`,
    label: `Accuracy with intervals by ${PROPERTIES[property]}; the numbers stand below.`,
    caption: "Dot: share of right answers. Line: its interval, clustered as in the table above.",
    axis: "accuracy (%)",
    names, rows,
    numbers: table(`Accuracy by ${PROPERTIES[property]}`, [
      { title: PROPERTIES[property], cell: (row) => words(brief(row.name, 200)) },
      { title: "Rollouts of", cell: (row) => words(setName(sets[row.set])) },
      { title: "Accuracy", number: true, cell: (row) => share(row.value) },
      { title: "Interval", number: true, cell: (row) => interval(row) },
      { title: "Right", number: true, cell: (row) => whole(row.answers.right) },
      { title: "Wrong", number: true, cell: (row) => whole(row.answers.wrong) },
      { title: "Not known", number: true, cell: (row) => whole(row.answers.not_known) },
      { title: "Questions", number: true, cell: (row) => whole(row.answers.questions) },
      { title: "Images", number: true, cell: (row) => whole(row.answers.images) },
    ], rows),
  });
}

export function accuracy() {
  const known = Object.keys(PROPERTIES).filter((property) => sets.some((set) => set.scores.answers.by[property]));
  const place = h("div", {});
  const draw = (property) => replace(place, accuracyBy(property));
  draw("data_source");
  return h("section", { "aria-label": "Accuracy" },
    known.length > 1 && h("div", { class: "choice", role: "group", "aria-label": "Accuracy by" }, known.map((property) => h("button", {
      type: "button", "aria-pressed": property === "data_source" ? "true" : "false",
      onclick: (event) => {
        event.target.parentElement.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", String(b === event.target)));
        draw(property);
      },
    }, `By ${PROPERTIES[property]}`))),
    place);
}
