"""The explorer of any table: `panel serve dashboards/explore.py [--args TABLE [IMAGES]]`.

TABLE is a table, a sky, a run or a saved view; IMAGES a sky, or a folder of pictures named by object_id.
"""

import sys

from galviz.pages.explore_page import explore_page

explore_page(sys.argv[1:]).servable()
