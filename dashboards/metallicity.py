"""The page of metallicity: `panel serve dashboards/metallicity.py [--args PATH]`, PATH a table, sky, run or sweep."""

import sys

from galviz.pages.page import study_page

study_page("metallicity", sys.argv[1:]).servable()
