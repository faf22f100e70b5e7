// What the judge cost and where it failed.
import { h, table, words } from "./dom.js";
import { sets } from "./data.js";
import { brief, decimal, whole } from "./numbers.js";
import { setName } from "./words.js";

function kinds(found) {
  const entries = Object.entries(found);
  return entries.length ? entries.map(([kind, count]) => h("div", {}, words(brief(kind, 80)), ` × ${whole(count)}`)) : "none";
}

function ofState(status, state) {
  return Object.fromEntries(Object.entries(status).filter(([name]) => name.split(":")[0] === state).map(([name, n]) => [name.slice(state.length + 1) || "unknown", n]));
}

export function judging() {
  const rows = sets.map((set) => ({ set, j: set.scores.judge, t: set.judge_time }));
  const used = (name) => ({ j }) => whole(j.used[name]);
  return h("section", { id: "judge", "aria-labelledby": "judge-title" },
    h("h2", { id: "judge-title" }, "Judge"),
    table("A rollout without labels is counted here, with the reason. “–”: the dumps do not say.", [
      { title: "Rollouts of", cell: ({ set }) => words(setName(set)) },
      { title: "Judged", number: true, cell: ({ j }) => whole(j.status.ok || 0) },
      { title: "Failed", number: true, cell: ({ j }) => h("span", { class: j.failed ? "warn" : null }, whole(j.failed)) },
      { title: "Failures by kind", cell: ({ j }) => kinds(ofState(j.status, "failed")) },
      { title: "Left out by kind", cell: ({ j }) => kinds(ofState(j.status, "skipped")) },
      { title: "Calls", number: true, cell: used("calls") },
      { title: "Repeated", number: true, cell: used("retries") },
      { title: "From cache", number: true, cell: ({ t }) => whole(t.cached) },
      { title: "Tokens in", number: true, cell: used("prompt_tokens") },
      { title: "Tokens out", number: true, cell: used("completion_tokens") },
      { title: "Mean, s", number: true, cell: ({ t }) => decimal(t.mean_seconds, 3) },
      { title: "Slowest, s", number: true, cell: ({ t }) => decimal(t.slowest_seconds, 3) },
    ], rows));
}
