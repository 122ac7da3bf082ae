"""The page of richness: `panel serve dashboards/richness.py [--args PATH]`, PATH a sky, run or sweep, or a folder."""

import sys

from galviz.pages.richness_page import richness_page

richness_page(sys.argv[1:]).servable()
