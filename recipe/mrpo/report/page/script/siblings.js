// Rollouts beside one another: the group of a prompt, and the same question elsewhere (another run, another checkpoint).
import { h, words } from "./dom.js";
import { columns, groupOf, isTraining, placeOf, runs, sameQuestion, textsOf } from "./data.js";
import { signed } from "./numbers.js";
import { runName, whereFrom } from "./words.js";
import { addressOf } from "./route.js";
import { outcomeMark } from "./list.js";
import { stepList } from "./rollout.js";

export const MAX_CARDS = 32;

function card(i, title, current) {
  const texts = textsOf(i);
  return h("article", { class: current ? "card current" : "card", "aria-current": current ? "true" : null },
    h("h4", {}, current ? title : h("a", { href: addressOf(i) }, title)),
    h("p", { class: "card-answer" }, outcomeMark(i), " ", texts.answer === null ? h("span", { class: "quiet-text" }, "no answer") : words(texts.answer),
      columns.advantage[i] !== null && h("span", { class: "quiet-text" }, ` A ${signed(columns.advantage[i])}`)),
    stepList(i, texts, true));
}

export function siblings(i) {
  const members = groupOf(i);
  if (members.length < 2) return null;
  const first = Math.max(0, Math.min(members.indexOf(i) - MAX_CARDS / 2, members.length - MAX_CARDS));
  const shown = members.slice(first, first + MAX_CARDS);
  return h("section", { "aria-label": "Group" },
    h("h3", {}, `The group: ${members.length} rollouts of this prompt`),
    shown.length < members.length && h("p", { class: "quiet-text" }, `${shown.length} of them are shown.`),
    h("div", { class: "cards", tabindex: "0", role: "region", "aria-label": "Rollouts of the group" }, shown.map((other) => card(other, `Sample ${columns.sample[other]}`, other === i))));
}

// One rollout of the same question in each other place: the same sample if there is one, and of training the last step.
function counterparts(i) {
  const best = new Map();
  for (const other of sameQuestion(i)) {
    const place = isTraining(other) ? `${columns.run[other]}/training` : placeOf(other);
    if (place === (isTraining(i) ? `${columns.run[i]}/training` : placeOf(i))) continue;
    const known = best.get(place);
    const fits = (j) => [columns.sample[j] === columns.sample[i] ? 1 : 0, columns.step[j] || 0];
    if (known === undefined || fits(other)[0] > fits(known)[0] || (fits(other)[0] === fits(known)[0] && fits(other)[1] > fits(known)[1])) best.set(place, other);
  }
  return [...best.values()];
}

function named(i) {
  return runs.length > 1 ? [words(runName(i)), `, ${whereFrom(i)}`] : whereFrom(i);
}

export function elsewhere(i) {
  const others = counterparts(i);
  if (!others.length) return null;
  return h("section", { "aria-label": "Same question elsewhere" },
    h("h3", {}, "The same question elsewhere"),
    h("div", { class: "cards wide", tabindex: "0", role: "region", "aria-label": "The same question elsewhere" }, card(i, named(i), true), others.slice(0, MAX_CARDS).map((other) => card(other, named(other), false))));
}
