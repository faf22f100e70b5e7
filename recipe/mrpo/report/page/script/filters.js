// Which rollouts the list shows. The state is one plain object; `matching` is a pure function of it.
import { h, replace, byId, words } from "./dom.js";
import { anyChanged, columns, count, firstFailure, isChanged, questionOf, questions, runs, textsOf } from "./data.js";
import { brief } from "./numbers.js";
import { IMAGE_SHOWN, originName } from "./words.js";

export const EARLY = 1 / 3;
export const NO_FILTER = { text: "", run: "", origin: "", step: "", source: "", condition: "", outcome: "", failure: "", judge: false, changed: false };

const FAILURES = {
  early: (ffp) => ffp !== null && ffp < EARLY,
  later: (ffp) => ffp !== null && ffp >= EARLY,
  none: (ffp, labels) => labels !== null && ffp === null,
  unlabelled: (ffp, labels) => labels === null,
};
const RIGHT = { right: 1, wrong: 0, unknown: null };
const haystacks = new Map();

// All texts of a rollout in lower case, made when it is first searched.
function haystack(i) {
  if (!haystacks.has(i)) {
    const q = questionOf(i);
    const t = textsOf(i);
    const steps = t.steps.filter((step) => typeof step === "string");
    haystacks.set(i, [q.question, ...q.gold, q.gold_reasoning, q.data_source, ...(q.image_ids || []), t.output, t.answer || "", ...steps,
      ...(t.reasons || []).filter(Boolean), t.failure || "", columns.statuses[columns.status[i]]].join("\n").toLowerCase());
  }
  return haystacks.get(i);
}

function matches(i, state, wanted) {
  if (state.run !== "" && columns.run[i] !== Number(state.run)) return false;
  if (state.origin !== "" && originName(i) !== state.origin) return false;
  if (state.step !== "" && columns.step[i] !== Number(state.step)) return false;
  if (state.source !== "" && questionOf(i).data_source !== state.source) return false;
  if (state.condition !== "" && columns.condition[i] !== Number(state.condition)) return false;
  if (state.outcome !== "" && columns.right[i] !== RIGHT[state.outcome]) return false;
  if (state.failure !== "" && !FAILURES[state.failure](firstFailure(columns.labels[i]), columns.labels[i])) return false;
  if (state.judge && !columns.statuses[columns.status[i]].startsWith("failed")) return false;
  if (state.changed && !isChanged(i)) return false;
  return wanted.every((word) => haystack(i).includes(word));
}

// Places of the rollouts that fit; every word of the text must stand somewhere in a rollout.
export function matching(state) {
  const wanted = state.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (let i = 0; i < count; i += 1) if (matches(i, state, wanted)) found.push(i);
  return found;
}

function select(name, title, options) {
  return h("label", {}, h("span", {}, title), h("select", { name }, options.map(([value, text]) => h("option", { value }, text))));
}

function distinct(values) {
  return [...new Set(values)];
}

// Fills the form; `onChange(state)` is called after every change.
export function startFilters(onChange) {
  const form = byId("filters");
  const places = distinct(columns.origin.map((_, i) => i)).map(originName);
  const steps = distinct(columns.step).filter((step) => step !== null).sort((a, b) => a - b);
  const sources = distinct(questions.map((q) => q.data_source)).sort();
  replace(form,
    h("label", { class: "search" }, h("span", { class: "sr" }, "Search all texts"),
      h("input", { type: "search", name: "text", placeholder: "Search all texts   ( f )", autocomplete: "off", spellcheck: "false" })),
    h("div", { class: "selects" },
      select("outcome", "Answer", [["", "Any"], ["right", "Right"], ["wrong", "Wrong"], ["unknown", "Not known"]]),
      select("failure", "First failure", [["", "Any"], ["early", "Early"], ["later", "Later"], ["none", "None"], ["unlabelled", "No labels"]]),
      runs.length > 1 && select("run", "Run", [["", "All"], ...runs.map((run, i) => [i, words(brief(run.name))])]),
      distinct(places).length > 1 && select("origin", "From", [["", "All"], ...distinct(places).map((name) => [name, name])]),
      steps.length > 1 && select("step", "Training step", [["", "All"], ...steps.map((step) => [step, String(step)])]),
      sources.length > 1 && select("source", "Data set", [["", "All"], ...sources.map((name) => [name, words(brief(name))])]),
      columns.conditions.length > 1 && select("condition", "Image shown", [["", "Any"], ...columns.conditions.map((name, k) => [k, IMAGE_SHOWN[name]])])),
    h("div", { class: "checks" },
      h("label", {}, h("input", { type: "checkbox", name: "judge" }), "Judge failed"),
      anyChanged() && h("label", {}, h("input", { type: "checkbox", name: "changed" }), "Answer changed"),
      h("button", { type: "reset", class: "quiet" }, "Clear")));
  const read = () => {
    const state = { ...NO_FILTER };
    for (const field of form.elements) if (field.name) state[field.name] = field.type === "checkbox" ? field.checked : field.value;
    return state;
  };
  let waiting = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => onChange(read()), 100);
  });
  form.addEventListener("reset", () => setTimeout(() => onChange(read()), 0));
  form.addEventListener("submit", (event) => event.preventDefault());
}
