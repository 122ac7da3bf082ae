"""The page of richness: `panel serve dashboards/richness.py [--args PATH]`, PATH a sky, run or sweep, or a folder."""

import sys

from galviz.pages.page import study_page

study_page("richness", sys.argv[1:]).servable()
