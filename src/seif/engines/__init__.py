"""Where models run, behind one interface."""
