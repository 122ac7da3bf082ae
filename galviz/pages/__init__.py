"""Pages of the dashboards, built from tools and studies. A page never imports torch."""
