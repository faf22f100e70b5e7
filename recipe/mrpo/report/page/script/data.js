// The JSON blocks of the page. Texts and images are parsed when they are first shown.
import { byId } from "./dom.js";

function block(id) {
  const element = byId(id);
  return element ? JSON.parse(element.textContent) : null;
}

export const overview = block("overview");
export const columns = block("columns");
export const questions = block("questions");
export const count = columns.run.length;
export const runs = overview.runs;
// Each set of rollouts with its scores: `answers` and `reasoning` of all its rollouts.
export const sets = runs.flatMap((run) => run.sets.map((set) => ({
  ...set, runName: run.name, answers: set.scores.answers.micro, reasoning: set.scores.reasoning.overall,
})));

// Sets that the figures draw; all at first, or without the validations of two or more runs, which are many and small.
const crowded = sets.length > 4 && sets.some((set) => set.origin !== "validation");
export const drawn = new Set(sets.map((_, i) => i).filter((i) => !crowded || sets[i].origin !== "validation"));

// Sets in the figures, each with its place, which decides its colour and shape.
export function drawnSets(fits = () => true) {
  return sets.map((set, i) => ({ set, i })).filter(({ set, i }) => drawn.has(i) && fits(set));
}

const textFields = block("text-fields");
const parsed = new Map();
let prompts = null;

export function textsOf(i) {
  const number = Math.floor(i / overview.facts.block);
  if (!parsed.has(number)) parsed.set(number, block(`texts-${number}`));
  const values = parsed.get(number)[i % overview.facts.block];
  const texts = {};
  textFields.forEach((name, k) => { texts[name] = values[k]; });
  return texts;
}

export function promptOf(place) {
  prompts = prompts || block("prompts");
  return prompts[place];
}

export function imageOf(hash) {
  return block(`image-${hash}`);
}

export function questionOf(i) {
  return questions[columns.question[i]];
}

// Steps as {text, start, end}; start and end are null for a step that does not stand in the output.
export function stepsOf(texts) {
  return texts.steps.map((place) => typeof place === "string"
    ? { text: place, start: null, end: null }
    : { text: texts.output.slice(place[0], place[1]), start: place[0], end: place[1] });
}

// First failure position of a text of labels such as "1101": (k* - 1) / (K - 1); null without an invalid step.
export function firstFailure(labels) {
  const k = labels === null ? -1 : labels.indexOf("0");
  return k < 0 ? null : labels.length > 1 ? k / (labels.length - 1) : 0;
}

function grouped(keyOf) {
  const found = new Map();
  for (let i = 0; i < count; i += 1) {
    const key = keyOf(i);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(i);
  }
  return found;
}

const byGroup = grouped((i) => columns.group[i]);
const byQuestionId = grouped((i) => questionOf(i).id);

export function groupOf(i) {
  return byGroup.get(columns.group[i]);
}

export function sameQuestion(i) {
  return byQuestionId.get(questionOf(i).id);
}

// The place of a rollout among runs, origins and steps; two rollouts of one place belong to one set.
export function placeOf(i) {
  return `${columns.run[i]}/${columns.origin[i]}/${columns.step[i]}/${columns.condition[i]}`;
}

export function isTraining(i) {
  return columns.origins[columns.origin[i]] === "train";
}

// Evaluated rollouts of one question and sample that are right in one place and not in another.
const changedRollouts = new Set();
for (const members of byQuestionId.values()) {
  const bySample = new Map();
  for (const i of members) {
    if (isTraining(i)) continue;
    const same = `${columns.sample[i]}/${columns.condition[i]}`;
    if (!bySample.has(same)) bySample.set(same, []);
    bySample.get(same).push(i);
  }
  for (const same of bySample.values()) {
    if (new Set(same.map((i) => columns.right[i])).size > 1) same.forEach((i) => changedRollouts.add(i));
  }
}

export function isChanged(i) {
  return changedRollouts.has(i);
}

export function anyChanged() {
  return changedRollouts.size > 0;
}
