// The widget of best fits: bands that are hidden by a click, and what the kernel says of them.
export default {
  render({ model, el }) {
    const bar = document.createElement("div"),
      progress = document.createElement("div");
    const pictures = document.createElement("div");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Bands hidden from the fit");
    bar.style.cssText = "display: flex; gap: 6px; align-items: center; padding: 4px 0";
    const button = (label, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = label;
      made.onclick = act;
      return made;
    };
    const toggles = model.get("bands").map((band) =>
      button(band, () => {
        const off = model.get("off");
        const now = off.includes(band) ? off.filter((one) => one !== band) : [...off, band];
        if (now.length === model.get("bands").length) return; // something must be left to fit
        model.set("off", now);
        model.save_changes();
      }),
    );
    const stop = button("Cancel", () => model.send("cancel")),
      again = button("Fit", () => model.send("fit"));
    bar.append("Hide:", ...toggles, again, stop);
    const show = () => {
      toggles.forEach((one) => {
        const off = model.get("off").includes(one.textContent);
        one.setAttribute("aria-pressed", String(off));
        one.style.cssText = off ? "background: #d55e00; color: white; text-decoration: line-through" : "";
      });
      stop.style.display = model.get("running") ? "" : "none";
      progress.innerHTML = model.get("progress");
      pictures.innerHTML = model.get("pictures");
    };
    const heard = ["off", "running", "progress", "pictures"].map((name) => `change:${name}`);
    heard.forEach((name) => model.on(name, show));
    show();
    el.append(bar, progress, pictures);
    return () => heard.forEach((name) => model.off(name, show));
  },
};
