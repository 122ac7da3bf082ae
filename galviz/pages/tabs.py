"""The tab bar of a page. Unlike Bokeh's tabs it supports keyboards and screen readers."""

from typing import ClassVar

import panel as pn
import param


class TabBar(pn.custom.JSComponent):
    """A row of tabs; arrow keys, Home and End move between them."""

    names = param.List(default=[], item_type=str, doc="what the tabs are called")
    active = param.String(default="", doc="name of the tab that is open")

    _esm = """
export function render({model}) {
  const bar = document.createElement("div")
  bar.className = "bar"
  bar.setAttribute("role", "tablist")
  const tabs = model.names.map((name) => {
    const tab = document.createElement("button")
    tab.type = "button"
    tab.setAttribute("role", "tab")
    tab.textContent = name[0].toUpperCase() + name.slice(1)
    tab.onclick = () => { model.active = name }
    return tab
  })
  const mark = () => tabs.forEach((tab, k) => {
    const open = model.names[k] === model.active
    tab.className = open ? "bk-tab bk-active" : "bk-tab"
    tab.setAttribute("aria-selected", String(open))
    tab.tabIndex = open ? 0 : -1
  })
  bar.onkeydown = (event) => {
    const now = model.names.indexOf(model.active), last = tabs.length - 1
    const to = {ArrowRight: Math.min(now + 1, last), ArrowLeft: Math.max(now - 1, 0), Home: 0, End: last}[event.key]
    if (to === undefined) return
    event.preventDefault()
    model.active = model.names[to]
    tabs[to].focus()
  }
  bar.append(...tabs)
  model.on("active", mark)
  mark()
  return bar
}
"""
    _stylesheets: ClassVar[list[str]] = [
        """
.bar { display: flex; flex-wrap: wrap; gap: 4px; border-bottom: 1px solid rgba(128, 128, 128, 0.4) }
button { padding: 8px 16px; border: 0; border-bottom: 3px solid transparent; background: none; color: inherit }
button { font: inherit; cursor: pointer; opacity: 0.75 }
button:hover, button[aria-selected="true"] { opacity: 1 }
button[aria-selected="true"] { border-bottom-color: #1f86c8; font-weight: 600 }
button:focus-visible { outline: 2px solid #1f86c8; outline-offset: -2px }
"""
    ]
