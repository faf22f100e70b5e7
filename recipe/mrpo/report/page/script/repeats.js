// Labels that flip when the same judge is asked again about the same steps.
import { h, table, words } from "./dom.js";
import { sets } from "./data.js";
import { whole } from "./numbers.js";
import { setName } from "./words.js";
import { withRange } from "./headline.js";

export function repeats() {
  const rows = sets.map((set) => ({ set, found: set.scores.repeats })).filter(({ found }) => found);
  if (!rows.length) return null;
  const count = (part) => ({ found }) => whole(found[part]);
  return h("section", { id: "repeats", "aria-labelledby": "repeats-title" },
    h("h2", { id: "repeats-title" }, "The judge asked again"),
    table("Flipped: labels of a further judgement that differ from the first ones. Unstable: steps of which at least one further label differs.", [
      { title: "Rollouts of", cell: ({ set }) => words(setName(set)) },
      { title: "Labels flipped", number: true, cell: ({ found }) => withRange(found.flipped) },
      { title: "Unstable steps", number: true, cell: ({ found }) => withRange(found.unstable_steps) },
      { title: "Valid to invalid", number: true, cell: count("to_invalid") },
      { title: "Invalid to valid", number: true, cell: count("to_valid") },
      { title: "Labels compared", number: true, cell: count("pairs") },
      { title: "Rollouts", number: true, cell: count("rollouts") },
      { title: "Judgements again", number: true, cell: count("judgements") },
      { title: "Failed", number: true, cell: ({ found }) => h("span", { class: found.judgements_failed ? "warn" : null }, whole(found.judgements_failed)) },
    ], rows));
}
