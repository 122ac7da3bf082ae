"""The home page: data, runs, studies: `panel serve dashboards/*.py --index home [--args PATH …]`, or `galviz open`."""

import sys

from galviz.pages.home import home_page

home_page(sys.argv[1:]).servable()
