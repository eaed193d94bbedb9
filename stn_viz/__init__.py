"""STN Viz: see and touch a Spatial Transformer Network. Importing this is light; torch comes with what needs it."""
