// Observable Plot in this page: drawn at the width of its place, redrawn when that changes, with the numbers below.
import { h, replace } from "./dom.js";

export const Plot = vendor;

// A figure with title, drawing, caption and its numbers as a table. `draw(width)` returns options for Plot.plot.
export function chart({ title, label, caption, draw, numbers, legend }) {
  const place = h("div", { class: "drawing" });
  let drawn = 0;
  const render = () => {
    const width = Math.round(place.clientWidth);
    if (!width || Math.abs(width - drawn) < 2) return;
    drawn = width;
    const options = draw(width);
    const picture = Plot.plot({ className: "plot", width, ...options, marks: options.marks.flat(Infinity).filter(Boolean) });
    // Plot brings a style element; the page's own style sheet stands for it, because the security policy allows no other.
    picture.querySelectorAll("style").forEach((style) => style.remove());
    picture.removeAttribute("style");
    picture.querySelectorAll("[aria-label]").forEach((part) => part.removeAttribute("aria-label"));
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", label);
    replace(place, picture);
  };
  new ResizeObserver(render).observe(place);
  return h("figure", { class: "chart" },
    h("h3", {}, title),
    legend,
    place,
    caption && h("figcaption", {}, caption),
    numbers && h("details", { class: "numbers" }, h("summary", {}, "Numbers"), numbers));
}

// What the colours mean; each entry also has a shape, so that colour is not needed.
export function legend(entries) {
  return h("ul", { class: "legend" }, entries.map(({ colour, name, kind }) =>
    h("li", {}, h("span", { class: `swatch ${kind || ""}`, style: { "--colour": colour }, "aria-hidden": "true" }), name)));
}

export function empty(sentence) {
  return h("p", { class: "empty" }, sentence);
}

export const PERCENT = (value) => `${Math.round(100 * value)}`;
