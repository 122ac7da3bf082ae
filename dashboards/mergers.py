"""The page of mergers, a threshold over their probabilities first: `panel serve dashboards/mergers.py [--args …]`.

`--args TABLE|RUN|SKY [IMAGES]`: a table of predictions, a run or a sky; IMAGES a sky, or a folder of pictures named by
object_id.
"""

import sys

from galviz.pages.page import study_page

study_page("mergers", sys.argv[1:]).servable()
