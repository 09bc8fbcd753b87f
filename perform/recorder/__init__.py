"""Takes: recording them so that they survive a crash, finding, checking and exporting them."""
