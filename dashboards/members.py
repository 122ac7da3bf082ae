"""The page of cluster members: `panel serve dashboards/members.py [--args PATH]`, PATH a table, sky, run or sweep."""

import sys

from galviz.pages.page import study_page

study_page("members", sys.argv[1:]).servable()
