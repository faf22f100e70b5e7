// Light, dark, or as the system says. The choice holds for this tab: a file from disk keeps no settings.
import { byId } from "./dom.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const NAMES = { auto: "Auto", light: "Light", dark: "Dark" };

export function startTheme() {
  const button = byId("theme");
  let theme = "auto";
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = NAMES[theme];
  });
}
