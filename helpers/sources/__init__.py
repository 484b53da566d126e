"""Where files come from: published archives, zip archives of one's own, folders as people have them."""
