// Accuracy with intervals by data set, or by another property of the questions.
import { h, replace, table, words } from "./dom.js";
import { drawnSets, sets } from "./data.js";
import { brief, interval, share, whole } from "./numbers.js";
import { setColour, setName } from "./words.js";
import { PERCENT, Plot, chart } from "./charts.js";
import { SYMBOLS, setLegend } from "./headline.js";

const PROPERTIES = { data_source: "data set", answer_type: "open or closed", modality: "modality", organ: "organ", question_type: "question type" };

function accuracyBy(property) {
  const rows = drawnSets().flatMap(({ set, i }) => Object.entries(set.scores.answers.by[property] || {}).map(([name, answers]) => ({ name, answers, ...answers.accuracy, set: i })));
  const names = [...new Set(rows.map((row) => row.name))];
  const shown = drawnSets();
  const offset = (i) => (shown.findIndex((one) => one.i === i) - (shown.length - 1) / 2) * 13;
  return chart({
    title: `Accuracy by ${PROPERTIES[property]}`,
    label: `Accuracy with intervals by ${PROPERTIES[property]}; the numbers stand below.`,
    caption: "Dot: share of right answers. Line: its interval, clustered as in the table above.",
    legend: sets.length > 1 && setLegend(shown.map(({ i }) => i)),
    draw: (width) => ({
      height: 44 + names.length * Math.max(32, shown.length * 15),
      marginLeft: Math.min(150, width / 3),
      marginBottom: 34,
      x: { domain: [0, 1], label: "accuracy (%)", tickFormat: PERCENT, ticks: width < 500 ? 5 : 10 },
      y: { domain: names, label: null, type: "band", tickFormat: (name) => brief(name, width < 500 ? 16 : 24) },
      marks: [
        Plot.gridX({ stroke: "var(--grid)", strokeOpacity: 1, ticks: width < 500 ? 5 : 10 }),
        shown.map(({ i }) => {
          const mine = rows.filter((row) => row.set === i);
          return [
            Plot.ruleY(mine.filter((row) => row.low !== null), { y: "name", x1: "low", x2: "high", stroke: setColour(i), strokeWidth: 2.5, dy: offset(i) }),
            Plot.dot(mine.filter((row) => row.value !== null), { y: "name", x: "value", fill: setColour(i), r: 5, dy: offset(i), symbol: SYMBOLS[i % 8] }),
          ];
        }),
      ],
    }),
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
