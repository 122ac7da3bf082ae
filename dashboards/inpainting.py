"""The page of best fits and missing bands: `panel serve dashboards/inpainting.py [--args SKY|RUN|FOLDER …]`."""

import sys

from galviz.pages.page import study_page

study_page("inpainting", sys.argv[1:]).servable()
