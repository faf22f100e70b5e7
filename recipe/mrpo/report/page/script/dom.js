// Elements and texts. Nothing in this page ever parses markup: what comes from a model or a file becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, part] of Object.entries(value)) element.style.setProperty(key, part);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(3)) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

const LONG_WORD = /\S{120}/g;

// The text with places to break inside long words: a browser needs minutes for a word of 20,000 characters without one.
export function breakable(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(LONG_WORD)) {
    const stop = found.index + found[0].length;
    parts.push(text.slice(end, stop), document.createElement("wbr"));
    end = stop;
  }
  return parts.length ? [...parts, text.slice(end)] : [text];
}

// Text of a model or a file: `bdi` keeps its writing direction from touching the words around it.
export function words(text, kind) {
  return h("bdi", { class: kind ? `words ${kind}` : "words", dir: "auto" }, breakable(String(text)));
}

export function replace(element, ...children) {
  element.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
}

export function byId(id) {
  return document.getElementById(id);
}

// A table whose first column heads its rows. `columns`: {title, cell(row), number}.
export function table(caption, columns, rows, kind) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: kind },
      h("caption", {}, h("span", {}, caption)),
      h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", class: c.number && "number" }, c.title)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((c, i) =>
        h(i ? "td" : "th", { scope: i ? null : "row", class: c.number && "number" }, c.cell(row))))))));
}
