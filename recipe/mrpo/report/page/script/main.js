// Starts the page: the figures, the browser, and the address that chooses between them.
import { byId, h, replace, words } from "./dom.js";
import { overview, runs } from "./data.js";
import { chooser, headline } from "./headline.js";
import { comparison } from "./comparison.js";
import { accuracy } from "./accuracy.js";
import { passAt } from "./pass_at.js";
import { reasoning } from "./reasoning.js";
import { byPlace, training } from "./training.js";
import { looking } from "./looking.js";
import { calibration } from "./calibration.js";
import { judging } from "./judging.js";
import { repeats } from "./repeats.js";
import { about, notices } from "./about.js";
import { rolloutAt } from "./route.js";
import { showList, showMissing, showRollout, startBrowser } from "./browser.js";
import { startKeys } from "./keys.js";
import { startTheme } from "./theme.js";

const title = overview.facts.title;

function drawFigures() {
  const drawnPart = h("div", {});
  const redraw = () => replace(drawnPart, accuracy(), passAt(), reasoning(overview.published), byPlace(), looking(), calibration());
  redraw();
  replace(byId("overview-view"),
    h("div", { class: "intro" }, h("h1", {}, words(title)), h("p", { class: "quiet-text" }, `Made ${overview.facts.made}`)),
    notices(), headline(), comparison(), chooser(redraw), drawnPart, training(), judging(), repeats(), about());
}

function route() {
  const hash = location.hash;
  const i = rolloutAt(hash);
  const inBrowser = i !== null || hash === "#rollouts";
  byId("overview-view").hidden = inBrowser;
  byId("rollouts-view").hidden = !inBrowser;
  byId("to-overview").setAttribute("aria-current", inBrowser ? "false" : "page");
  byId("to-rollouts").setAttribute("aria-current", inBrowser ? "page" : "false");
  document.title = title;
  if (i !== null && i >= 0) showRollout(i);
  else if (i === -1) showMissing();
  else if (inBrowser) showList();
}

byId("title").textContent = runs.length === 1 ? runs[0].name : `${runs.length} runs`;
startTheme();
drawFigures();
startBrowser();
startKeys();
addEventListener("hashchange", route);
route();
document.documentElement.dataset.ready = "true";
