"""The page of colour pictures in classes: `panel serve dashboards/channels.py [--args SKY|RUN|SWEEP|FOLDER …]`."""

import sys

from galviz.pages.page import study_page

study_page("channels", sys.argv[1:]).servable()
