// @ts-check
// The tabs of a page: a click or a key opens one, and the page shows what belongs to it. Until that comes, which may
// take seconds, what the page shows is covered by a sign that it is busy.

import { button, make } from "../tools/shared.js";

/**
 * @param {string} key of the keyboard
 * @param {number} now number of the open tab
 * @param {number} count of tabs
 * @returns {number | undefined} the tab that the key opens
 */
export function tabOf(key, now, count) {
  const last = count - 1;
  if (key === "ArrowRight") return Math.min(now + 1, last);
  if (key === "ArrowLeft") return Math.max(now - 1, 0);
  if (key === "Home") return 0;
  return key === "End" ? last : undefined;
}

/**
 * @param {string} name
 * @returns {string} the same, with a capital letter
 */
export const titleOf = (name) => name.charAt(0).toUpperCase() + name.slice(1);

/** @param {{model: import("../tools/shared.js").PageModel<never, never> & {names: string[], active: string, shown: string}}} place */
export function render({ model }) {
  const bar = make("div", "bar", "", { role: "tablist" });
  const busy = make("div", "busy", "", { role: "status" });
  const tabs = model.names.map((name) => {
    const open = () => {
      model.active = name;
    };
    const tab = button(titleOf(name), open);
    tab.setAttribute("role", "tab");
    return tab;
  });
  const mark = () => {
    for (const [k, tab] of tabs.entries()) {
      const open = model.names[k] === model.active;
      tab.className = open ? "bk-tab bk-active" : "bk-tab";
      tab.setAttribute("aria-selected", String(open));
      tab.tabIndex = open ? 0 : -1;
    }
    busy.hidden = model.active === model.shown;
    busy.textContent = busy.hidden ? "" : `Opening ${titleOf(model.active)} …`;
  };
  bar.addEventListener("keydown", (event) => {
    const to = tabOf(event.key, model.names.indexOf(model.active), tabs.length);
    if (to === undefined) return;
    event.preventDefault();
    model.active = model.names[to];
    tabs[to].focus();
  });
  bar.append(...tabs);
  const whole = make("div");
  whole.append(bar, busy);
  model.on("active", mark);
  model.on("shown", mark);
  mark();
  return whole;
}

export default { render };
