"""Why did the network say that: `panel serve dashboards/occlusion.py [--args PATH]`, PATH a run or a folder of runs."""

import sys

from galviz.pages.occlusion_page import occlusion_page

occlusion_page(sys.argv[1:]).servable()
