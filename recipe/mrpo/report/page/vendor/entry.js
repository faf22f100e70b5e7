// The parts of the libraries that the page uses; esbuild leaves the rest out.
export { areaY, axisX, axisY, barX, barY, dot, gridX, gridY, line, link, plot, pointerX, rectY, ruleX, ruleY, text, tip } from "@observablehq/plot";
export { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from "@tanstack/virtual-core";
