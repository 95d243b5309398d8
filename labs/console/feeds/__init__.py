"""What the console knows, part by part; each looks by itself and tells when something changed."""
