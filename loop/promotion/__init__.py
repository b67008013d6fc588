"""Going live: a version is put in place, watched beside the one before, and left there or taken back."""
