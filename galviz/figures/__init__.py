"""Arrays and tables to HoloViews elements. Pure functions: they read no file, keep no state and know no page."""

import holoviews as hv
import holoviews.plotting.bokeh

hv.Store.set_current_backend("bokeh")  # registers the options; unlike hv.extension it shows nothing in a notebook
