// What this file holds and what it leaves out.
import { h, words } from "./dom.js";
import { overview, runs } from "./data.js";
import { plural, whole } from "./numbers.js";

const MISSING = {
  beyond_limit: (n, facts) => `${plural(n, "image")} beyond the limit of ${whole(facts.max_images)} (--max-images)`,
  unreadable: (n) => `${plural(n, "image")} that could not be read`,
  left_out_private: (n) => `${plural(n, "image")} of rows that may not leave the machine (--no-private-images)`,
  other_question: (n) => `${plural(n, "row")} of the data with another question than the rollout's`,
};

export function notices() {
  const facts = overview.facts;
  return [
    facts.private_images > 0 && h("p", { class: "notice" },
      `${plural(facts.private_images, "image")} in this file ${facts.private_images === 1 ? "comes" : "come"} from rows that may not leave the machine. `
      + "Do not pass the file on; a page without them is made with --no-private-images."),
    runs.filter((run) => run.left_out).map((run) => h("p", { class: "notice" },
      `${plural(run.left_out, "row or value", "rows or values")} of `, words(run.name), " left out. The first: ", words(run.left_out_first))),
    facts.shown < facts.rollouts && h("p", { class: "notice" },
      `The figures are over all ${whole(facts.rollouts)} rollouts. The list holds ${whole(facts.shown)} of them: whole groups, `
      + "drawn by the hash of their question, the same questions in every run (--max-rollouts)."),
  ];
}

export function about() {
  const facts = overview.facts;
  const missing = Object.entries(facts.images_missing).filter(([, n]) => n).map(([kind, n]) => MISSING[kind](n, facts));
  const items = [
    ["Made", `${facts.made} by mrpo ${facts.version}`],
    ["Runs", runs.map((run) => h("div", {}, words(run.name), ` (${plural(run.rollouts, "rollout")}): `, words(run.path, "path"), run.also.length > 0 && "; without the image or with another one: ",
      run.also.map((path, k) => [k > 0 && ", ", words(path, "path")])))],
    ["Rollouts", `${whole(facts.shown)} of ${whole(facts.rollouts)} in the list, on ${plural(facts.questions, "question")}`],
    ["Images", facts.images
      ? `${plural(facts.images, "image")}, each once, at most ${facts.image_side} pixels wide or high (${whole(facts.images_made_small)} made smaller); `
        + `${whole(facts.questions_with_image)} of ${plural(facts.questions, "question")} have one`
      : facts.data_files ? "none of the data's rows fits the rollouts" : "none: the run's folder has no data/*.parquet; name the files with --data"],
    missing.length && ["Missing", missing.map((sentence) => h("div", {}, sentence))],
    facts.cut_texts && ["Long texts", `${plural(facts.cut_texts, "text")} cut at ${whole(facts.text_limit)} characters`],
    ["Outside", "Nothing is loaded from anywhere, and nothing is sent."],
  ].filter(Boolean);
  return h("section", { id: "about", "aria-labelledby": "about-title" },
    h("h2", { id: "about-title" }, "About this file"),
    h("dl", { class: "facts" }, items.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}
