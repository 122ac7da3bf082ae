"""What is learned: which columns of a catalogue, as which kind of task."""
