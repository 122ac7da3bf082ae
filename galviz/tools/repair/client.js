// @ts-check
// The widget of best fits: bands that are hidden by a click, and what the kernel has found.

import { button, make } from "../shared.js";

/**
 * @param {string[]} off bands that are hidden
 * @param {string} band
 * @param {number} count of all bands
 * @returns {string[] | null} what is hidden after a click on a band; null: nothing would be left to fit
 */
export function toggled(off, band, count) {
  const now = off.includes(band) ? off.filter((one) => one !== band) : [...off, band];
  return now.length === count ? null : now;
}

/**
 * @typedef {object} Traits
 * @property {string[]} off bands that are hidden
 * @property {string[]} bands all of them
 * @property {boolean} running
 * @property {string} progress HTML
 * @property {string} pictures HTML
 *
 * @param {{model: import("../shared.js").WidgetModel<never, "cancel" | "fit", Traits>, el: HTMLElement}} place
 */
export function render({ model, el }) {
  const bar = make("div", "", "Hide:", { role: "group", "aria-label": "Bands hidden from the fit" });
  bar.style.cssText = "display: flex; gap: 6px; align-items: center; padding: 4px 0";
  const progress = make("div");
  const pictures = make("div");
  const toggles = model.get("bands").map((band) =>
    button(band, () => {
      const off = toggled(model.get("off"), band, model.get("bands").length);
      if (!off) return;
      model.set("off", off);
      model.save_changes();
    }),
  );
  const stop = button("Cancel", () => model.send("cancel"));
  const again = button("Fit", () => model.send("fit"));
  bar.append(...toggles, again, stop);
  const show = () => {
    for (const one of toggles) {
      const off = model.get("off").includes(one.textContent ?? "");
      one.setAttribute("aria-pressed", String(off));
      one.style.cssText = off ? "background: #d55e00; color: white; text-decoration: line-through" : "";
    }
    stop.style.display = model.get("running") ? "" : "none";
    progress.innerHTML = model.get("progress");
    pictures.innerHTML = model.get("pictures");
  };
  const events = ["off", "running", "progress", "pictures"].map((name) => `change:${name}`);
  for (const name of events) model.on(name, show);
  show();
  el.append(bar, progress, pictures);
  return () => {
    for (const name of events) model.off(name, show);
  };
}

export default { render };
