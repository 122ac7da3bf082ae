"""The page of richness: `panel serve dashboards/richness.py [--args PATH]`, PATH a sky, a run or a folder of them."""

import sys

from galviz.studies import richness
from galviz.views.page import study_page

study_page(richness, sys.argv[1:]).servable()
