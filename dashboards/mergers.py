"""A threshold over merger probabilities: `panel serve dashboards/mergers.py [--args TABLE [IMAGES]]`.

TABLE is a table of predictions, a run or a sky; IMAGES a sky, or a folder of pictures named by object_id.
"""

import sys

from galviz.views.mergers_page import mergers_page

mergers_page(sys.argv[1:]).servable()
