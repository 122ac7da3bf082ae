"""The page of best fits and missing bands: `panel serve dashboards/inpainting.py [--args SKY|RUN|FOLDER …]`."""

import sys

from galviz.pages.inpainting_page import inpainting_page

inpainting_page(sys.argv[1:]).servable()
