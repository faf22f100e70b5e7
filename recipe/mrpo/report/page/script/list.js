// The list of rollouts: only the rows in sight are in the document, however many there are (TanStack Virtual).
import { byId, h, replace, words } from "./dom.js";
import { columns, questionOf, runs, sets } from "./data.js";
import { brief, plural, signed } from "./numbers.js";
import { LABELS, OUTCOMES, labelOf, outcomeOf, runName, statusWords, whereFrom } from "./words.js";

const ROW_HEIGHT = 72;
const MARKS = 16;

// The labels of a rollout as a line of marks: shape and colour.
export function labelMarks(labels, total) {
  if (labels === null && !total) return h("span", { class: "marks" }, h("span", { class: "quiet-text" }, "no labels"));
  const text = labels === null ? "-".repeat(total) : labels;
  const marks = [...text].slice(0, MARKS).map((value, k) => {
    const label = labels === null ? LABELS.none : labelOf(labels, k);
    return h("span", { class: `mark-${label.kind}` }, label.mark);
  });
  const said = labels === null ? `${plural(total, "step")} without labels` : `labels: ${[...labels].map((v) => LABELS[v].name).join(", ")}`;
  return h("span", { class: "marks", role: "img", "aria-label": said }, marks, text.length > MARKS && "…");
}

export function outcomeMark(i) {
  const outcome = outcomeOf(i);
  return h("span", { class: `outcome ${outcome}` }, h("span", { "aria-hidden": "true" }, OUTCOMES[outcome].mark), " ", OUTCOMES[outcome].name);
}

function row(item, i, chosen, total) {
  const q = questionOf(i);
  const labels = columns.labels[i];
  const status = columns.statuses[columns.status[i]];
  return h("div", {
    class: "row", role: "option", id: `row-${i}`, "aria-selected": chosen ? "true" : "false", "data-place": i,
    "aria-posinset": item.index + 1, "aria-setsize": total,
    style: { transform: `translateY(${item.start}px)`, height: `${ROW_HEIGHT}px` },
  },
  h("div", { class: "row-top" }, outcomeMark(i), words(brief(q.question, 200), "row-question")),
  h("div", { class: "row-middle" }, labels !== null && labels !== "" ? labelMarks(labels) : h("span", { class: "quiet-text" }, brief(statusWords(status))),
    columns.advantage[i] !== null && h("span", { class: "row-advantage" }, `A ${signed(columns.advantage[i])}`)),
  h("div", { class: "row-bottom" }, runs.length > 1 && [words(brief(runName(i))), " · "], (sets.length > 1 || columns.conditions.length > 1) && [whereFrom(i), " · "], words(brief(q.data_source)), ` · sample ${columns.sample[i]}`));
}

// A list that shows `places`; `choose(i)` is called for a click. Returns {show, choose, places}.
export function startList(onChoose) {
  const scroller = byId("list");
  const inner = byId("rows");
  let places = [];
  let chosen = -1;
  const options = () => ({
    count: places.length,
    getScrollElement: () => scroller,
    estimateSize: () => ROW_HEIGHT,
    overscan: 6,
    scrollToFn: vendor.elementScroll,
    observeElementRect: vendor.observeElementRect,
    observeElementOffset: vendor.observeElementOffset,
    onChange: () => draw(),
  });
  const virtualizer = new vendor.Virtualizer(options());
  const draw = () => {
    inner.style.setProperty("height", `${virtualizer.getTotalSize()}px`);
    replace(inner, virtualizer.getVirtualItems().map((item) => row(item, places[item.index], places[item.index] === chosen, places.length)));
    const selected = byId(`row-${chosen}`);
    if (selected) scroller.setAttribute("aria-activedescendant", selected.id);
    else scroller.removeAttribute("aria-activedescendant");
  };
  virtualizer._didMount();
  inner.addEventListener("click", (event) => {
    const found = event.target.closest(".row");
    if (found) onChoose(Number(found.dataset.place));
  });
  return {
    get places() { return places; },
    get chosen() { return chosen; },
    show(found) {
      places = found;
      virtualizer.setOptions(options());
      virtualizer.measure();
      virtualizer._willUpdate();
      scroller.scrollTop = 0;
      draw();
    },
    choose(i) {
      chosen = i;
      virtualizer._willUpdate();
      const place = places.indexOf(i);
      if (place >= 0 && scroller.clientHeight) virtualizer.scrollToIndex(place, { align: "auto" });
      draw();
    },
    resized() {
      virtualizer._willUpdate();
      draw();
    },
  };
}
