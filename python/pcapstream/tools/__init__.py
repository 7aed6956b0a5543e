"""The tools: each file holds views, `registry` lists them. Importing this package imports none of them."""
