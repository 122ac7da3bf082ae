"""Learning with few labels: errors against the fraction of labels used."""
