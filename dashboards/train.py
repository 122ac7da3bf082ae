"""Train on your own images and any column: `panel serve dashboards/train.py --args SKY`, SKY from `galviz ingest`."""

import sys

from galviz.pages.page import study_page

study_page("own", sys.argv[1:]).servable()
