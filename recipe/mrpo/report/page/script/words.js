// Names as the page of runs writes them.
import { columns, runs } from "./data.js";
import { brief } from "./numbers.js";

export function setName(set) {
  return set.title ? `${brief(set.runName)}, ${set.title}` : brief(set.runName);
}

export function setColour(place) {
  return `var(--run-${place % 8})`;
}

const ORIGIN_NAMES = { train: "training", validation: "validation", evaluation: "evaluation" };

export function originName(i) {
  return ORIGIN_NAMES[columns.origins[columns.origin[i]]];
}

export const IMAGE_SHOWN = { image: "its own", no_image: "none", other_image: "another one" };
const CONDITIONS = { image: "", no_image: ", without the image", other_image: ", with another image" };

export function whereFrom(i) {
  const step = columns.step[i];
  return `${originName(i)}${step === null ? "" : `, step ${step}`}${CONDITIONS[columns.conditions[columns.condition[i]]] || ""}`;
}

export function runName(i) {
  return runs[columns.run[i]].name;
}

export function outcomeOf(i) {
  const right = columns.right[i];
  return right === 1 ? "right" : right === 0 ? "wrong" : "unknown";
}

export const OUTCOMES = {
  right: { mark: "✓", name: "Right" },
  wrong: { mark: "✕", name: "Wrong" },
  unknown: { mark: "?", name: "Not known" },
};

export const LABELS = {
  1: { mark: "●", name: "valid", kind: "valid" },
  0: { mark: "✕", name: "invalid", kind: "invalid" },
  none: { mark: "○", name: "no label", kind: "none" },
};

export function labelOf(labels, k) {
  return LABELS[labels === null ? "none" : labels[k]];
}

export function statusWords(status) {
  const [state, kind] = [status.split(":")[0], status.slice(status.indexOf(":") + 1)];
  if (state === "ok") return "judged";
  return state === "failed" ? `judge failed: ${kind}` : `not judged: ${kind}`;
}
