"""Small captures to try pcapstream on, and the script that makes them."""
