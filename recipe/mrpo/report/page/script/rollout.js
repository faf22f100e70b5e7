// One rollout in full: case, answer, steps with labels, reasons and advantages, output, rewards, judge.
import { byId, h, replace, words } from "./dom.js";
import { columns, imageOf, overview, promptOf, questionOf, stepsOf } from "./data.js";
import { brief, decimal, plural, signed, whole } from "./numbers.js";
import { labelOf, statusWords } from "./words.js";
import { outcomeMark } from "./list.js";
import { pushed, reward, shadedOutput } from "./shading.js";

const NOT_SHOWN = { no_image: "Not shown to the model. ", other_image: "The model was shown the image of another question. " };

export function picture(i) {
  const q = questionOf(i);
  const condition = columns.conditions[columns.condition[i]];
  const addresses = q.images.map(imageOf).filter(Boolean);
  if (!addresses.length) {
    const why = overview.facts.data_files ? "No image in this file for this question." : "No image: --data names the parquet files that have them.";
    return h("div", { class: "no-image" }, why);
  }
  const name = (q.image_ids || []).filter(Boolean).join(", ");
  return h("figure", { class: "image" },
    addresses.map((address) => h("button", { type: "button", class: "plain", title: "Larger", onclick: () => enlarge(address, name) },
      h("img", { src: address, alt: `Image of the question${name ? `: ${name}` : ""}` }))),
    (name || NOT_SHOWN[condition]) && h("figcaption", {}, NOT_SHOWN[condition], words(name)));
}

function enlarge(address, name) {
  const dialog = byId("zoom");
  replace(dialog, h("button", { type: "button", class: "close", onclick: () => dialog.close() }, "Close"), h("img", { src: address, alt: name || "Image of the question" }));
  dialog.showModal();
}

function factor(given, advantage) {
  return given === null || given === undefined || !advantage ? null : `× ${Math.abs(given / advantage).toFixed(2)}`;
}

export function stepList(i, texts, brief) {
  const labels = columns.labels[i];
  const steps = stepsOf(texts);
  if (!steps.length) return h("p", { class: "empty" }, texts.failure ? "No steps: the rollout failed." : "No steps: the output has no closed think block.");
  return h("ol", { class: brief ? "steps brief" : "steps" }, steps.map((step, k) => {
    const label = labelOf(labels, k);
    const given = texts.step_advantages ? texts.step_advantages[k] : null;
    const span = texts.spans[k];
    const tokens = span ? span[1] - span[0] : null;
    const judged = texts.reasons && texts.reasons[k];
    return h("li", { class: `step ${label.kind}` },
      h("div", { class: "step-head" },
        h("span", { class: `label ${label.kind}` }, h("span", { "aria-hidden": "true" }, label.mark), ` ${label.name}`),
        given !== null && given !== undefined && h("span", { class: `advantage ${pushed(given)}` }, signed(given)),
        !brief && factor(given, columns.advantage[i]) && h("span", { class: "quiet-text" }, factor(given, columns.advantage[i])),
        !brief && tokens !== null && h("span", { class: "quiet-text" }, tokens ? plural(tokens, "token") : "no token of its own")),
      h("div", { class: "step-text" }, words(step.text)),
      judged && h("div", { class: "reason" }, h("span", { class: "quiet-text" }, "Judge: "), words(judged)));
  }));
}

function tags(q) {
  const found = [["data set", q.data_source], ["split", q.split], ["row", q.index], ["modality", q.modality], ["organ", q.organ],
    ["question", q.question_type], ["answer", q.answer_type]].filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("ul", { class: "tags" }, found.map(([name, value]) => h("li", {}, h("span", { class: "quiet-text" }, `${name} `), words(value))));
}

function judgement(i, texts) {
  const status = columns.statuses[columns.status[i]];
  const judge = texts.judge;
  const parts = [
    judge.calls !== undefined && plural(judge.calls, "call"),
    judge.latency_s !== undefined && `${decimal(judge.latency_s, 3)} s`,
    judge.prompt_tokens !== undefined && `${whole(judge.prompt_tokens)} tokens in, ${whole(judge.completion_tokens || 0)} out`,
    judge.cached === true && "from the cache",
  ].filter(Boolean);
  return h("p", { class: status.startsWith("failed") ? "warn" : "quiet-text" }, words(statusWords(status)), parts.length > 0 && ` · ${parts.join(" · ")}`);
}

export function caseOf(i, texts) {
  const q = questionOf(i);
  return h("div", { class: "case" },
    picture(i),
    h("div", { class: "case-words" },
      h("h2", {}, words(q.question)),
      h("dl", { class: "answers" },
        h("dt", {}, "Gold"), h("dd", {}, q.gold.length ? q.gold.map((gold, k) => [k > 0 && h("span", { class: "quiet-text" }, " or "), words(gold, "gold")]) : "–"),
        h("dt", {}, "Given"), h("dd", {}, texts.answer === null ? h("span", { class: "quiet-text" }, texts.failure ? "the rollout failed" : "no answer found in the output") : words(texts.answer, "given"), " ", outcomeMark(i))),
      texts.failure && h("p", { class: "warn" }, "Failure: ", words(texts.failure)),
      Object.keys(texts.errors).length > 0 && h("p", { class: "warn" }, "Errors: ", Object.entries(texts.errors).map(([name, kind], k) => [k > 0 && ", ", words(`${name}: ${kind}`)])),
      texts.verdict_status !== null && h("p", { class: "quiet-text" }, "Judge of answers: ", texts.verdict === null ? words(statusWords(texts.verdict_status)) : texts.verdict ? "right" : "wrong"),
      q.gold_reasoning && h("div", { class: "gold-reasoning" }, h("h3", {}, "Gold reasoning"), h("p", {}, words(q.gold_reasoning))),
      tags(q)));
}

export function inFull(i, texts) {
  const rewards = Object.entries(texts.rewards);
  const prompt = promptOf(texts.prompt);
  return [
    h("section", { "aria-label": "Steps" }, h("h3", {}, "Steps"), stepList(i, texts), judgement(i, texts)),
    h("section", { "aria-label": "Output" }, h("h3", {}, "Output, tokens shaded by advantage"), shadedOutput(i, texts),
      h("p", { class: "quiet-text" }, texts.response_tokens === null ? "tokens not counted" : plural(texts.response_tokens, "token"),
        texts.finish_reason && [" · finish reason ", words(brief(texts.finish_reason))])),
    rewards.length > 0 && h("section", { "aria-label": "Rewards" }, h("h3", {}, "Rewards"),
      h("table", { class: "rewards" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Reward"), h("th", { scope: "col", class: "number" }, "Value"), h("th", { scope: "col", class: "number" }, "Weight"))),
        h("tbody", {}, rewards.map(([name, value]) => reward(name, value, texts.weights[name]))))),
    texts.place && h("p", { class: "quiet-text" }, words(texts.place, "path")),
    prompt && h("details", {}, h("summary", {}, "Prompt"), h("p", { class: "output" }, words(prompt))),
  ];
}
