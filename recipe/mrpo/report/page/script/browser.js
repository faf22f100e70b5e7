// The rollout browser: list and filters at the side, one rollout in full.
import { byId, h, replace, words } from "./dom.js";
import { columns, count, groupOf, overview, textsOf } from "./data.js";
import { plural, signed, whole } from "./numbers.js";
import { runName, whereFrom } from "./words.js";
import { NO_FILTER, matching, startFilters } from "./filters.js";
import { addressOf } from "./route.js";
import { startList } from "./list.js";
import { caseOf, inFull } from "./rollout.js";
import { elsewhere, siblings } from "./siblings.js";

let list = null;
let current = -1; // the rollout that was asked for last: keys may come faster than the address changes

export function startBrowser() {
  list = startList((i) => go(i));
  startFilters(showMatching);
  showMatching(NO_FILTER);
  showNothing();
}

function showMatching(state) {
  const found = matching(state);
  list.show(found);
  byId("count").textContent = found.length === count
    ? `${plural(count, "rollout")}${count < overview.facts.rollouts ? ` of ${whole(overview.facts.rollouts)}` : ""}`
    : `${whole(found.length)} of ${plural(count, "rollout")}`;
  byId("list").classList.toggle("nothing", !found.length);
}

function showNothing() {
  replace(byId("detail"), h("p", { class: "empty" }, count ? "Choose a rollout from the list, or press n for the next one." : "There are no rollouts in this file."));
}

export function showMissing() {
  byId("rollouts-view").classList.add("open");
  replace(byId("detail"), back(), h("p", { class: "empty" }, "This file does not hold that rollout. Its list is a part of the run, or the link is of another page."));
}

export function go(i) {
  if (i === undefined || i < 0) return;
  current = i;
  location.hash = addressOf(i);
}

function back() {
  return h("a", { class: "back", href: "#rollouts" }, "‹ List");
}

export function showRollout(i) {
  const texts = textsOf(i);
  byId("rollouts-view").classList.add("open");
  current = i;
  list.choose(i);
  const place = list.places.indexOf(i);
  const detail = byId("detail");
  const [steps, ...more] = inFull(i, texts);
  replace(detail,
    h("div", { class: "detail-head" },
      back(),
      h("p", { class: "crumbs" }, words(runName(i)), ` · ${whereFrom(i)} · sample ${columns.sample[i]}`,
        columns.advantage[i] !== null && ` · A ${signed(columns.advantage[i], 3)}`),
      h("div", { class: "steppers" },
        h("button", { type: "button", disabled: place === 0, onclick: () => next(-1), title: "Previous in the list (p)" }, "‹ Previous"),
        h("button", { type: "button", disabled: place === list.places.length - 1, onclick: () => next(1), title: "Next in the list (n)" }, "Next ›"))),
    caseOf(i, texts), steps, elsewhere(i), siblings(i), more);
  detail.scrollTop = 0;
  document.title = `${runName(i)}: rollout`;
}

export function showList() {
  byId("rollouts-view").classList.remove("open");
  list.resized();
  if (list.chosen < 0) showNothing();
}

// The next or previous rollout of the list; the first one if none is chosen or the chosen one is filtered out.
export function next(by) {
  const at = list.places.indexOf(current);
  const to = at < 0 ? 0 : at + by;
  if (to >= 0 && to < list.places.length) go(list.places[to]);
}

export function edge(last) {
  go(list.places[last ? list.places.length - 1 : 0]);
}

export function nextSibling(by) {
  if (current < 0) return;
  const members = groupOf(current);
  go(members[(members.indexOf(current) + by + members.length) % members.length]);
}
