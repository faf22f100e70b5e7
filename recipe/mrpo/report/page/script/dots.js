// Shares as dots with their intervals, a line of the drawing for each name and within it a place for each set.
import { sets } from "./data.js";
import { brief } from "./numbers.js";
import { setColour } from "./words.js";
import { PERCENT, Plot, chart } from "./charts.js";
import { SYMBOLS, setLegend } from "./headline.js";

// `rows`: {name, set, value, low, high} and, where a share is laid beside another one, `other`: a ring.
export function dots({ title, label, caption, names, rows, axis, domain = [0, 1], gap = 13, textOf = String, numbers }) {
  const shown = [...new Set(rows.map((row) => row.set))].sort((a, b) => a - b);
  const offset = (i) => (shown.indexOf(i) - (shown.length - 1) / 2) * gap;
  return chart({
    title, label, caption, numbers,
    legend: sets.length > 1 && setLegend(shown),
    draw: (width) => ({
      height: 44 + names.length * Math.max(32, shown.length * (gap + 2) + 10),
      marginTop: 6,
      marginLeft: Math.min(150, width / 3),
      marginBottom: 34,
      x: { domain, label: axis, tickFormat: PERCENT, ticks: width < 500 ? 5 : 10 },
      y: { domain: names, label: null, type: "band", tickFormat: (name) => brief(textOf(name), width < 500 ? 16 : 24) },
      marks: [
        Plot.gridX({ stroke: "var(--grid)", strokeOpacity: 1, ticks: width < 500 ? 5 : 10 }),
        shown.map((i) => {
          const mine = rows.filter((row) => row.set === i);
          const beside = mine.filter((row) => row.other !== undefined);
          const place = { y: "name", dy: offset(i) };
          return [
            Plot.ruleY(mine.filter((row) => row.low !== null && row.low !== undefined), { ...place, x1: "low", x2: "high", stroke: setColour(i), strokeWidth: 2.5 }),
            Plot.ruleY(beside, { ...place, x1: "value", x2: "other", stroke: setColour(i), strokeWidth: 1.5, strokeOpacity: 0.6 }),
            Plot.dot(beside, { ...place, x: "other", fill: "var(--card)", stroke: setColour(i), strokeWidth: 1.5, r: 6.5, symbol: SYMBOLS[i % 8] }),
            Plot.dot(mine.filter((row) => row.value !== null), { ...place, x: "value", fill: setColour(i), r: 5, symbol: SYMBOLS[i % 8] }),
          ];
        }),
      ],
    }),
  });
}
