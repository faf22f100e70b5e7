// Keys, as in verl's own viewer: n and p for rollouts, j and k in the group, f to search.
import { byId, h, replace } from "./dom.js";
import { edge, next, nextSibling } from "./browser.js";

const KEYS = [
  ["n", "next rollout of the list", () => next(1)],
  ["p", "previous rollout of the list", () => next(-1)],
  ["j", "next rollout of the group", () => nextSibling(1)],
  ["k", "previous rollout of the group", () => nextSibling(-1)],
  ["f", "search", () => focusSearch()],
  ["g", "first of the list", () => edge(false)],
  ["G", "last of the list", () => edge(true)],
  ["o", "figures", () => { location.hash = "#overview"; }],
  ["?", "these keys", () => showKeys()],
];

function focusSearch() {
  const field = document.querySelector("#filters input[name=text]");
  if (field.offsetParent) {
    field.focus();
    return;
  }
  addEventListener("hashchange", () => field.focus(), { once: true });
  location.hash = "#rollouts";
}

function showKeys() {
  const dialog = byId("help");
  if (!dialog.open) dialog.showModal();
}

export function startKeys() {
  const dialog = byId("help");
  replace(dialog, h("h2", { id: "help-title" }, "Keys"),
    h("dl", { class: "keys" }, KEYS.map(([key, meaning]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, meaning)])),
    h("button", { type: "button", onclick: () => dialog.close() }, "Close"));
  byId("help-button").addEventListener("click", showKeys);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, select, textarea");
    if (event.key === "Escape" && typing) event.target.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || typing || document.querySelector("dialog[open]")) return;
    const inList = event.target.id === "list" && { ArrowDown: "n", ArrowUp: "p" }[event.key];
    const found = KEYS.find(([key]) => key === (inList || event.key));
    if (!found) return;
    event.preventDefault();
    found[2]();
  });
}
