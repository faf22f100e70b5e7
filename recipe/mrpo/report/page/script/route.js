// The address of a rollout: #run/question/sample, and a fourth part where a question comes back: the origin and step of
// training and validation, the condition of an evaluation without the image or with another one.
import { columns, count, questionOf, runs } from "./data.js";
import { originName } from "./words.js";

function fromOf(i) {
  if (columns.step[i] !== null) return `${originName(i)}-${columns.step[i]}`;
  const condition = columns.conditions[columns.condition[i]];
  return condition === "image" ? "" : condition;
}

export function addressOf(i) {
  const parts = [runs[columns.run[i]].name, questionOf(i).id, String(columns.sample[i])];
  if (fromOf(i)) parts.push(fromOf(i));
  return `#${parts.map(encodeURIComponent).join("/")}`;
}

// The place of the rollout that a hash names, -1 if the page does not hold it, null for another kind of address.
// Without the fourth part: the last one in the order of the run, evaluations and validations before training.
export function rolloutAt(hash) {
  const parts = hash.replace(/^#/, "").split("/");
  if (parts.length < 3) return null;
  let named;
  try {
    named = parts.map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return -1;
    throw error;
  }
  const [run, question, sample, from] = named;
  let found = -1;
  for (let i = 0; i < count; i += 1) {
    if (runs[columns.run[i]].name !== run || questionOf(i).id !== question || String(columns.sample[i]) !== sample) continue;
    if (from !== undefined ? from !== fromOf(i) : found >= 0 && (columns.origin[i] !== columns.origin[found] || columns.step[i] === null)) continue;
    found = i;
  }
  return found;
}
