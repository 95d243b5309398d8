"""How every image and tool of the lab is got: pulled, from a bundle, or built from source."""
