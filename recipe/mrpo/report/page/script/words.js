// Numbers and names as the page writes them.
import { columns, runs } from "./data.js";

export function share(value, digits = 1) {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`;
}

export function decimal(value, digits = 2) {
  return value === null || value === undefined ? "–" : Number(value).toFixed(digits);
}

export function signed(value, digits = 2) {
  if (value === null || value === undefined) return "–";
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}

export function whole(value) {
  return value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en-GB").replace(/,/g, "\u202f");
}

// A name from a file where there is little room.
export function brief(text, characters = 60) {
  const name = String(text);
  return name.length <= characters ? name : `${name.slice(0, characters - 1)}…`;
}

export function plural(value, one, many = `${one}s`) {
  return `${whole(value)} ${value === 1 ? one : many}`;
}

export function interval(figure, digits = 1) {
  if (!figure || figure.low === null || figure.low === undefined) return "no interval";
  return `${(100 * figure.low).toFixed(digits)} – ${(100 * figure.high).toFixed(digits)}`;
}

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
